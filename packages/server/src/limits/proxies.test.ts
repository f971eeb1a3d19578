import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { forwardedFor } from "./forwarded.ts";
import { namesAddresses, Proxies, type ProxyHeader } from "./proxies.ts";

function request(
  remoteAddress: string | undefined,
  headers: Record<string, string> = {},
  encrypted = false,
): IncomingMessage {
  return { socket: { remoteAddress, encrypted }, headers } as unknown as IncomingMessage;
}

const proxied = (trusted: readonly string[], chain: string, peer = "10.0.0.1") =>
  new Proxies(trusted, "x-forwarded-for").clientOf(request(peer, { "x-forwarded-for": chain }));

test("[LIM-5] what a stranger says of its address is not believed", () => {
  const spoofed = {
    "x-forwarded-for": "203.0.113.7",
    forwarded: "for=203.0.113.7",
    "x-real-ip": "203.0.113.7",
  };
  for (const header of ["x-forwarded-for", "forwarded"] as const) {
    for (const trusted of [undefined, [], ["10.0.0.0/8"], ["198.51.100.1/32"]]) {
      assert.equal(new Proxies(trusted, header).clientOf(request("198.51.100.2", spoofed)), "198.51.100.2");
    }
  }
});

test("[LIM-5] of a trusted proxy the last address that is not one of ours is the client's", () => {
  const trusted = ["10.0.0.0/8", "2001:db8:1::/48", "loopback"];
  assert.equal(proxied(trusted, "203.0.113.7"), "203.0.113.7");
  assert.equal(proxied(trusted, "6.6.6.6, 203.0.113.7, 10.1.1.1"), "203.0.113.7");
  assert.equal(proxied(trusted, "6.6.6.6,203.0.113.7:4711,2001:db8:1::9, 127.0.0.1"), "203.0.113.7");
  assert.equal(proxied(trusted, "[2001:db8:2::7]:80", "::ffff:10.0.0.1"), "2001:db8:2::7");
  assert.equal(proxied(trusted, "10.2.2.2, 10.1.1.1"), "10.2.2.2", "all of them ours");
  assert.equal(proxied(trusted, "", "10.0.0.1"), "10.0.0.1", "it speaks for itself");
  assert.equal(proxied(trusted, "203.0.113.7, unknown"), undefined, "nobody knows");
  assert.equal(proxied(trusted, "6.6.6.6, <script>, 10.1.1.1"), undefined);
  assert.equal(proxied(["loopback"], "203.0.113.7", "::1"), "203.0.113.7");
  const local = new Proxies(["loopback"], "x-forwarded-for");
  const bySocketFile = request(undefined, { "x-forwarded-for": "203.0.113.7" });
  assert.equal(local.clientOf(bySocketFile), "203.0.113.7");
});

test("[LIM-5] one header is believed, and the other one is not even looked at", () => {
  const both = { "x-forwarded-for": "203.0.113.7", forwarded: "for=203.0.113.8" };
  const of = (header: ProxyHeader) => new Proxies(["loopback"], header).clientOf(request("127.0.0.1", both));
  assert.equal(of("x-forwarded-for"), "203.0.113.7");
  assert.equal(of("forwarded"), "203.0.113.8");
});

test("[LIM-5] Forwarded is read as RFC 7239 has it", () => {
  const all =
    'for=192.0.2.43, For="[2001:db8:cafe::17]:4711";proto=https;by="a,b;c\\"d",proto=http;for="192.0.2.9:80" ,for=_hidden, by=1.2.3.4';
  assert.deepEqual(forwardedFor("forwarded", all), [
    "192.0.2.43",
    "2001:db8:cafe::17",
    "192.0.2.9",
    "_hidden",
    "",
  ]);
  assert.deepEqual(forwardedFor("forwarded", ""), []);
});

test("[LIM-5] whatever is in the header, the answer is an address or none, and never what a stranger wrote before the last proxy", () => {
  const proxies = (header: ProxyHeader) => new Proxies(["10.0.0.0/8"], header);
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'for=";,[]:.1a \\') }),
    fc.ipV4(),
    fc.ipV6(),
  );
  fc.assert(
    fc.property(text, fc.ipV4(), (said, client) => {
      fc.pre(!client.startsWith("10."));
      const chain = { "x-forwarded-for": `${said}, ${client}, 10.9.9.9` };
      assert.equal(proxies("x-forwarded-for").clientOf(request("10.0.0.1", chain)), client);
      proxies("forwarded").clientOf(request("10.0.0.1", { forwarded: said }));
    }),
  );
});

test("[LIM-5] where nobody said whether there are proxies, neighbours are not counted, as each may be one; strangers are", () => {
  const unknown = new Proxies(undefined, "x-forwarded-for");
  for (const near of [
    "127.0.0.1",
    "::1",
    "10.2.3.4",
    "::ffff:192.168.0.9",
    "fe80::1%eth0",
    "fd00::5",
    undefined,
  ]) {
    assert.equal(unknown.countedPeer(near), undefined, String(near));
    assert.equal(unknown.countedOf(request(near)), undefined, String(near));
  }
  assert.equal(unknown.countedPeer("203.0.113.7"), "203.0.113.7");
  const none = new Proxies([], "x-forwarded-for");
  assert.equal(none.countedPeer("127.0.0.1"), "127.0.0.1", "said that there are none");
  const some = new Proxies(["loopback"], "x-forwarded-for");
  assert.equal(some.countedPeer("127.0.0.1"), undefined);
  assert.equal(some.countedOf(request("127.0.0.1")), undefined);
  const behind = request("127.0.0.1", { "x-forwarded-for": "192.168.0.9" });
  assert.equal(some.countedOf(behind), "192.168.0.9");
});

test("[LIM-5] an IPv6 network of 64 bits counts as one client", () => {
  const none = new Proxies([], "x-forwarded-for");
  for (const [address, network] of [
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
  ]) {
    assert.equal(none.countedPeer(address), network);
  }
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      assert.match(none.countedPeer(address) ?? "", /^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){3}::\/64$|^[\d.]+$/);
    }),
  );
});

test("[LIM-5] host and scheme are the proxy's word where it is trusted, and else the connection's", () => {
  const said = { "x-forwarded-host": "example.com", "x-forwarded-proto": "https", host: "inner:7070" };
  const trusting = new Proxies(["loopback"], "x-forwarded-for");
  assert.equal(trusting.forwardedHostOf(request("127.0.0.1", said)), "example.com");
  assert.equal(trusting.isSecure(request("127.0.0.1", said)), true);
  assert.equal(trusting.isSecure(request("127.0.0.1", { "x-forwarded-proto": "http" })), false);
  assert.equal(trusting.isSecure(request("127.0.0.1")), undefined);
  const stranger = request("198.51.100.2", said);
  assert.equal(trusting.forwardedHostOf(stranger), undefined);
  assert.equal(trusting.isSecure(stranger), undefined);
  assert.equal(trusting.isSecure(request("198.51.100.2", {}, true)), true);
  assert.equal(trusting.forwardedHostOf(request("::1")), undefined);
});

test("only addresses, networks and loopback name proxies", () => {
  for (const right of ["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "loopback", "0.0.0.0/0"]) {
    assert.ok(namesAddresses(right), right);
  }
  for (const wrong of [
    "",
    "10.0.0",
    "10.0.0.0/33",
    "10.0.0.0/8/8",
    "::1/129",
    "10.0.0.0/-1",
    "example.com",
    "10.0.0.0/",
    "fe80::1%eth0",
  ]) {
    assert.ok(!namesAddresses(wrong), wrong);
  }
});
