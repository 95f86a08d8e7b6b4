import { testAgainstPyTorch } from '../support/fixtures.js';

testAgainstPyTorch('tensor-sorting');
