//go:build chaos

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// What tests of the worse faults share: files that are copied, history that is lost, and the evidence that it was.

// patient is how long a run waits for what comes at once, unless the machine has much else to do.
const patient = 30 * time.Second

// copied is a copy of a directory, while its owner may be writing there.
func (s *shop) copied(from, to string) {
	s.t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		s.t.Fatal(err)
	}
}

// restored puts a copy in the place of a directory's files.
func (s *shop) restored(from, to string) {
	s.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		s.t.Fatal(err)
	}
	s.copied(from, to)
}

// sells waits until so many more of a hundred are sold: units that the store will forget, or that it grants again.
func (s *shop) sells(percent float64, limit time.Duration) {
	s.t.Helper()
	from := s.crowd.Sold()
	within(s.t, limit, fmt.Sprintf("%.0f %% more are sold (there were %.1f)", percent, 100*from), func() bool {
		return s.crowd.Sold() >= min(1, from+percent/100)
	})
}

// wins is how many were told that they had won in a time.
func (s *shop) wins(from, to time.Duration) (n int) {
	for _, op := range s.crowd.History.Ops() {
		if op.Word == Won && op.End > from && op.End <= to {
			n++
		}
	}
	return n
}

// evidence ends a run in which the fault did not come about.
func (s *shop) evidence(so bool, what string, args ...any) {
	s.t.Helper()
	if !so {
		s.t.Skipf("no evidence: "+what, args...)
	}
}

// operator runs spike on the sale, and gives what it printed.
func (s *shop) operator(words ...string) (string, error) {
	out, err := exec.Command(binary(s.t), append(words, "--redis", s.redis)...).CombinedOutput()
	return string(out), err
}

// data is where an edge keeps its rings.
func (e *Edge) data() string { return filepath.Join(e.spec.Dir, "data") }
