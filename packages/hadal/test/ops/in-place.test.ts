import { testAgainstPyTorch } from '../support/fixtures.js';

testAgainstPyTorch('in-place');
