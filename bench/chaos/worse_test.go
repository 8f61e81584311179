//go:build chaos

package chaos

import (
	"fmt"
	"os"
	"time"

	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// Tests of the worse faults share this: copied files, lost history, and the evidence for it.

// patient bounds a wait for something that comes at once, on a busy machine.
const patient = 30 * time.Second

// copied copies a directory while its owner may be writing there.
func (s *shop) copied(from, to string) {
	s.t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		s.t.Fatal(err)
	}
}

// restored replaces a directory's files by a copy.
func (s *shop) restored(from, to string) {
	s.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		s.t.Fatal(err)
	}
	s.copied(from, to)
}

// sells waits until so many more of a hundred are sold: units that the store will forget, or grant again.
func (s *shop) sells(percent float64, limit time.Duration) {
	s.t.Helper()
	from := s.crowd.Sold()
	within(s.t, limit, fmt.Sprintf("%.0f %% more are sold (there were %.1f)", percent, 100*from), func() bool {
		return s.crowd.Sold() >= min(1, from+percent/100)
	})
}

// wins is how many wins were told in a time.
func (s *shop) wins(from, to time.Duration) (n int) {
	for _, op := range s.crowd.History.Ops() {
		if op.Word == Won && op.End > from && op.End <= to {
			n++
		}
	}
	return n
}

// evidence ends a run in which the fault did not happen.
func (s *shop) evidence(so bool, what string, args ...any) {
	s.t.Helper()
	if !so {
		s.t.Skipf("no evidence: "+what, args...)
	}
}

// operator runs spike on the sale, and returns its output.
func (s *shop) operator(words ...string) (string, error) {
	return rig.Run(s.t.Context(), "", rigtest.Binary(s.t), append(words, "--redis", s.redis)...)
}
