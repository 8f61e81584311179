//go:build race

package shard

import (
	"math/rand/v2"
	"runtime"
)

// invariants turns on checks too dear for production; -race has them.
const invariants = true

// interleave lets others run between a load and the code that uses it. So windows of nanoseconds become windows that tests hit
// thousands of times a second.
func interleave() {
	if rand.Uint32()%4 == 0 {
		runtime.Gosched()
	}
}
