package order

import (
	"os"
	"path/filepath"
	"testing"
)

// Row A7: a SQLite file and the files beside it are for their owner alone.
func TestA7TheSQLiteFileIsPrivate(t *testing.T) {
	dir := t.TempDir()
	s := openTestRepository(t, "sqlite:"+filepath.Join(dir, "orders.db"))
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(f.Name(), info.Mode(), err)
		}
	}
}
