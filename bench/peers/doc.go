// Package peers has the servers that the edge is measured against. Each runs as a process of its own: `spike bench peer
// NAME`.
//
//	bare       fasthttp with a fixed answer: the cost of HTTP itself, and nothing else
//	article    the article's design: one lock held across a Redis round trip, a log file opened per request
//	onescript  fasthttp and one Lua call per request over auto-pipelined connections: no stock at the edge
//
// Three keep stock and orders in PostgreSQL alone. They are as good as their sequence allows: one statement, one round trip and
// one commit a call, prepared, over a pool. A buyer who hears "sold out" costs the database a read.
//
//	order-then-deduct  a buy is one transaction: a conditional decrement of the stock's row, and the order's row
//	pay-then-deduct    a buy is an order, while the stock, as read, is above 0; its payment takes one from the stock
//	grouped            the first of the two, with one commit for all who wait
//
// The article's design is written anew, with two faults corrected that stopped it from selling: its script sold one unit too
// many, and it never gave its connections back, so that it stopped after 12,000 sales. Its cost is unchanged.
package peers
