// Package gatecost measures what "sold out" costs at nginx: the configuration `spike nginx` makes, finding the flag of the
// sale, beside an nginx that knows nothing but `return 200` with the same body; one worker each, wrk in turns A B B A. First
// with one flagged sale, then with ten thousand and requests over all of them.
package gatecost
