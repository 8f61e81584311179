// Package demo plays the whole article on one machine. It runs a Redis, four edges, nginx in front of them with the weights
// 1:2:3:4, and a crowd of a hundred requests for each unit. Then it accounts for what happened. Four sources must agree: the
// answers, the edges' metrics, their decision logs, and the ledger's audit.
//
//	stage      the servers: start, stop
//	crowd      the requests, and what is read while they run
//	decisions  an edge's decision log, read as the article reads its stat.log
//	account    what happened, and whether it is right
//	text       the account for people
package demo
