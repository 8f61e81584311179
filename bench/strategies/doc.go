// Package strategies measures the order of doing things: when a buyer's order, its payment and the deduction from
// the stock each happen. One crowd, three ways, a real PostgreSQL at its default durability:
//
//	order-then-deduct  a buy is one transaction in the database: conditional decrement of the stock's row, and the
//	                   order's row. Paying marks the order. What is never paid for stays deducted.
//	pay-then-deduct    a buy inserts an order while the stock, as read, is above 0. Paying marks the order and takes
//	                   one from the stock, without a condition: who pays when it is at 0 has paid for nothing.
//	pre-deduct         Spike: the edge reserves, the order worker writes the orders afterwards, paying is the edge's
//	                   confirm, and what is not paid for when its hold ends is sold again.
//
// The first two are written as well as their order of things allows: one statement, one round trip and one commit a
// call, prepared, over a pool; a buyer who hears "sold out" costs the database a read. A condition on the second's
// decrement would not change its count, only its name: those buyers would hear "refund" instead.
//
// A run is a rush of buyers, each with one request, then their payments, then the hold and a pause; then a second,
// smaller wave, who find what came back, their payments, and the same wait. Whoever wins decides by the seed and by
// being the k-th winner whether and when to pay, so all three meet the same people.
package strategies
