package rig

import "testing"

func TestFamily(t *testing.T) {
	for stat, want := range map[string][2]int{
		"7 (nginx) S 3 7 7":                   {7, 3},
		"12 (a name) with) more) S 4 12":      {12, 4},
		"7 (cut":                              {7, 0}, // nobody's child
		"9 (nginx: worker process) R 8 9 9 0": {9, 8},
	} {
		if pid, parent := family(stat); [2]int{pid, parent} != want {
			t.Errorf("%q: %d, %d", stat, pid, parent)
		}
	}
}
