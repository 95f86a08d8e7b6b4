import { testAgainstPyTorch } from '../support/fixtures.js';

testAgainstPyTorch('spatial');
