// Package oracle is the HTTP server that meets the crowd, in the order a buy meets it: server, route, buy, reply, token.
// The operators' side (admin, metrics) is another listener, on net/http, because it is not the hot path.
package oracle
