// Package demo is the whole article on one machine: a Redis of its own, four edges, nginx before them with the weights
// 1:2:3:4, a crowd of a hundred requests for each unit, and then the account of what happened, from four sides that must
// agree: the answers, the edges' metrics, their decision logs, and the ledger's audit.
//
//	stage      the servers: start, stop
//	crowd      the requests, and what is read while they run
//	scrape     an edge's metrics
//	decisions  an edge's decision log, read as the article reads its stat.log
//	report     what happened, and whether it is right
package demo
