// Package gatecost measures the cost of "sold out" at nginx. The configuration of `spike nginx` finds the flag of the sale.
// Beside it an nginx only does `return 200` with the same body. Each has one worker, and wrk loads them in turns A B B A:
// first with one flagged sale, then with ten thousand and requests over all of them.
package gatecost
