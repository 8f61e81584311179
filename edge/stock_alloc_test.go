//go:build !race

package edge

import "testing"

// A reader allocates nothing. The refresher's few allocations meanwhile are for hundreds of readers.
func TestSnapshotReadersAllocateNothing(t *testing.T) {
	read, ctx := reader(t)
	for range 100 {
		read()
	}
	if n := testing.AllocsPerRun(10_000, read); n != 0 || ctx.Response.StatusCode() != 200 {
		t.Errorf("%v allocations, status %d", n, ctx.Response.StatusCode())
	}
}
