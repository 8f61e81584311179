package rig

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A child is known by whatever name. A name may have any character, and so may not tell where it ends.
func TestFamily(t *testing.T) {
	for _, name := range []string{"nginx", "a) with) m) S 4", "nginx: worker", "(cut"} {
		p := &Process{Spec: Spec{Name: name, Dir: t.TempDir(), Args: []string{"-c", "sleep 60 & wait"}}}
		p.Path = filepath.Join(p.Dir, name)
		if err := os.Symlink("/bin/sh", p.Path); err != nil {
			t.Fatal(err)
		}
		if err := p.Launch(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.End)
		if !slices.Contains(childrenOf(os.Getpid()), p.PID()) {
			t.Errorf("%q is nobody's child", name)
		}
		for end := time.Now().Add(20 * time.Second); len(childrenOf(p.PID())) == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q has no child", name)
			}
		}
	}
}
