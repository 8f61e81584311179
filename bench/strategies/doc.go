// Package strategies measures three sequences of a buyer's order, its payment and the deduction from the stock. One crowd
// meets all three, on a real PostgreSQL at its default durability:
//
//	order-then-deduct  a buy is one transaction in the database: conditional decrement of the stock's row, and the
//	                   order's row. Paying marks the order. A unit that is never paid for stays deducted.
//	pay-then-deduct    a buy inserts an order while the stock, as read, is above 0. Paying marks the order and takes
//	                   one from the stock, without a condition: a buyer who pays when it is at 0 gets nothing.
//	pre-deduct         Spike: the edge reserves, the order worker writes the orders afterwards, paying is the edge's
//	                   confirm, and a unit that is not paid for when its hold ends is sold again.
//
// The first two are as good as their sequence allows: one statement, one round trip and one commit a call, prepared, over a
// pool. A buyer who hears "sold out" costs the database a read. A condition on the second's decrement would not change its
// count, only its name: those buyers would hear "refund" instead.
//
// A run is a first wave of buyers, each with one request, then their payments, then the hold and a pause. Then a second,
// smaller wave finds the units that came back, followed by its payments and the same wait. The seed and k decide whether and
// when the k-th winner pays, so all three strategies meet the same crowd.
package strategies
