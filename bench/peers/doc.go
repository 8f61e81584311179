// Package peers holds the servers the edge is measured against. Each runs as a process of its own:
// `spike bench peer NAME`.
//
//	bare       fasthttp with a fixed answer: what HTTP itself costs, and nothing else
//	article    the article's design: one lock held across a Redis round trip, a log file opened per request
//	onescript  fasthttp and one Lua call per request over auto-pipelined connections: no edge stock at all
//
// The article's design is written afresh, with what stopped it from selling put right: its script no longer
// sells one unit too many, and its connections are given back, so that it does not fall silent after 12,000 sales.
// Its cost is left as it was.
package peers
