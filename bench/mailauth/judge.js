'use strict';
// Reads {records, broken} on the first line, then one message a line: {ip, helo, sender, message (base64)}.
// Writes one verdict a line.
const { authenticate } = require('mailauth');
const readline = require('node:readline');

console.log = () => {};
let zone;
const failed = (code) => Object.assign(new Error(code), { code });

const resolver = async (name, type) => {
  name = name.toLowerCase().replace(/\.$/, '');
  for (let hop = 0; hop < 10; hop++) {
    if (zone.broken.includes(name)) throw failed('ESERVFAIL');
    const found = zone.records[`${name} ${type}`];
    if (found) {
      if (type === 'TXT') return found.map((text) => [text]);
      if (type === 'MX') return found.map(([priority, exchange]) => ({ priority, exchange }));
      return found;
    }
    const alias = zone.records[`${name} CNAME`];
    if (!alias) break;
    name = alias[0];
  }
  throw failed(Object.keys(zone.records).some((k) => k.startsWith(name + ' ') || k.split(' ')[0].endsWith('.' + name)) ? 'ENODATA' : 'ENOTFOUND');
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const given = JSON.parse(line);
    if (!zone) {
      zone = given;
      continue;
    }
    const r = await authenticate(Buffer.from(given.message, 'base64'), {
      ip: given.ip, helo: given.helo, sender: given.sender || undefined, mta: 'mx.a.test', resolver, disableBimi: true,
    });
    process.stdout.write(JSON.stringify({
      spf: r.spf && r.spf.status.result,
      dkim: r.dkim.results.filter((one) => one.signingDomain).map((one) => [one.signingDomain, one.selector, one.status.result, one.status.comment || '', one.status.underSized || 0]),
      arc: r.arc ? r.arc.status.result : 'none',
      arcComment: (r.arc && r.arc.status.comment) || '',
      dmarc: r.dmarc ? r.dmarc.status.result : 'none',
      policy: (r.dmarc && r.dmarc.policy) || '',
    }) + '\n');
  }
})();
