// Package httptracker speaks the tracker protocol of HTTP, bytes only and from
// both sides: query strings and the bencoded replies to them (BEP 3), with
// IPv6 (BEP 7), compact peer lists (BEP 23), the external address (BEP 24),
// failures that say when to come back (BEP 31) and scrapes (BEP 48).
//
// A server reads queries with [ParseAnnounce] and [ParseScrape] and writes
// replies with the Append functions, none of which allocates. A client writes
// queries with [AppendAnnounceQuery] and [AppendScrapeQuery] and reads replies
// with [ParseAnnounceReply] and [ParseScrapeReply]. HTTP itself, its heads and
// its connections, is left to the caller.
package httptracker
