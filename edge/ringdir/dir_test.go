package ringdir

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"spike/edge/allotment"
)

// Rings are found again in a directory of any name. A ring whose edge lives keeps other edges out (P1).
func TestRingsAreFoundInOddlyNamedDirs(t *testing.T) {
	for _, name := range []string{"plain", "a[1]", "a[", "a*", "a?b", `a\b`, "a b", "-x", "é"} {
		path := filepath.Join(t.TempDir(), name)
		d, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := d.Rings("ticket", "i", "n", 7)
		if _, err = m.Make(1, 64, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.Close()
		if _, err = Open(path); err == nil || !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "sells from ticket-7-i.ring") {
			t.Errorf("%s: a living ring in it, and %v", name, err)
		}
		left, _, err := ringsIn(path)
		if err != nil || len(left) != 1 {
			t.Errorf("%s: %v, left %v", name, err, left)
			continue
		}
		if _, err := allotment.ReadRing(left[0], d.boot); !errors.Is(err, allotment.ErrRingLives) {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.Drop(); err != nil {
			t.Error(err)
		}
	}
}
