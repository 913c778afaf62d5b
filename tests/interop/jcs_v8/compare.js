// Reads lines of `16 hex digits,text` on standard input and compares each text with what V8 makes
// of the same double. Exit status 1 on a difference or when there were too few lines.
'use strict';

const NEEDED = 1200000;
const words = new Uint32Array(2);
const double = new Float64Array(words.buffer);
let rest = '';
let compared = 0;
let differences = 0;

function check(line) {
  words[1] = parseInt(line.slice(0, 8), 16);
  words[0] = parseInt(line.slice(8, 16), 16);
  const want = String(double[0]);
  compared++;
  if (line[16] !== ',' || line.slice(17) !== want) {
    differences++;
    if (differences <= 20) {
      console.log(`${line}: V8 writes ${want}`);
    }
  }
}

process.stdin.setEncoding('latin1');
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  lines.forEach(check);
});
process.stdin.on('end', () => {
  if (rest !== '') {
    console.log('the last line is cut');
    differences++;
  }
  if (compared < NEEDED) {
    console.log(`expected at least ${NEEDED} doubles`);
    process.exitCode = 1;
  }
  if (differences > 0) {
    process.exitCode = 1;
  }
  console.log(`compared ${compared} doubles, ${differences} differences`);
});
