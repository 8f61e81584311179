package edge

import (
	"path/filepath"
	"testing"

	"spike/edge/allotment"
)

// Rings are found again in a directory of any name.
func TestRingsAreFoundInOddlyNamedDirs(t *testing.T) {
	for _, name := range []string{"plain", "a[1]", "a[", "a*", "a?b", `a\b`, "a b", "-x", "é"} {
		path := filepath.Join(t.TempDir(), name)
		d, err := openData(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, _, err = d.ring("ticket", "i", "n", 7); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.close()
		again, err := openData(path)
		if err != nil || len(again.left) != 1 {
			t.Errorf("%s: %v, left %v", name, err, again)
			continue
		}
		if o, _, _, err := allotment.ReadRing(again.left[0]); err != nil || o.Sale != "ticket" {
			t.Errorf("%s: %+v %v", name, o, err)
		}
		again.close()
	}
}
