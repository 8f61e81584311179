// Package durable measures sales whose buyers hear "won" only when it is durable: `spike serve --ack redis` on a Redis that
// writes each answer to its disk first (appendfsync always), and on one whose replicas have acknowledged it (WAIT). Beside them
// is a row of PostgreSQL, with one commit for all who wait.
//
// Every way sells one stock to a crowd that buys as fast as it is answered. In a round the ways are loaded one after the other,
// and then in the other order.
package durable
