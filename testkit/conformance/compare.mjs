// What passed directly has to pass through the gateway: scenario by scenario and check by check.

/** Regressions of `actual` against `expected`, as lines; what passes additionally is no regression. */
export function compare(expected, actual) {
  const found = new Map(actual.scenarios.map((scenario) => [scenario.name, scenario]));
  const regressions = [];
  for (const wanted of expected.scenarios) {
    const got = found.get(wanted.name);
    if (got === undefined) {
      if (wanted.pass) regressions.push(`${wanted.name}: did not run`);
      continue;
    }
    const why = got.failures.length === 0 ? '' : ` (${got.failures.join('; ')})`;
    if (wanted.pass && !got.pass) {
      regressions.push(`${wanted.name}: passed, now fails${why}`);
      continue;
    }
    for (const [check, status] of Object.entries(wanted.checks)) {
      const now = got.checks[check] ?? 'not run';
      if (status === 'SUCCESS' && now !== 'SUCCESS') regressions.push(`${wanted.name}: check ${check} was SUCCESS, is ${now}${why}`);
    }
  }
  return regressions;
}

/** Prints regressions; returns the exit code. */
export function print(regressions) {
  for (const line of regressions) process.stderr.write(`REGRESSION ${line}\n`);
  process.stderr.write(regressions.length === 0 ? 'no regression\n' : `${regressions.length} regressions\n`);
  return regressions.length === 0 ? 0 : 1;
}
