package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// errNoGo says that the profiles are saved but cannot be opened as text here.
var errNoGo = errors.New("go is not installed here; open the saved files where it is: go tool pprof -top FILE")

// views are the texts made of the profiles. A heap has two: what is in use, and what was ever allocated.
var views = []struct{ kind, file, title, sample string }{
	{"cpu", "cpu.txt", "CPU", ""},
	{"mutex", "mutex.txt", "Mutex: time others waited for a lock", ""},
	{"block", "block.txt", "Block: time spent waiting", ""},
	{"heap", "heap.txt", "Heap in use", "inuse_space"},
	{"heap", "alloc.txt", "Allocated since start", "alloc_space"},
}

// Print writes the top 20 of each profile to w and beside the profile. Without a go tool it says so instead.
func Print(ctx context.Context, w io.Writer, profiles []Profile) error {
	if _, err := exec.LookPath("go"); err != nil {
		fmt.Fprintln(w, errNoGo)
		return nil
	}
	for _, p := range profiles {
		for _, v := range views {
			if v.kind != p.Kind {
				continue
			}
			text, err := top(ctx, p.File, v.sample)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "\n== %s (%s)\n%s", v.title, p.File, text)
			if err = os.WriteFile(filepath.Join(filepath.Dir(p.File), v.file), text, 0o644); err != nil {
				return fmt.Errorf("top of %s: %w", p.Kind, err)
			}
		}
	}
	return nil
}

// top opens one profile as text.
func top(ctx context.Context, file, sample string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	args := []string{"tool", "pprof", "-top", "-nodecount=20"}
	if sample != "" {
		args = append(args, "-sample_index="+sample)
	}
	out, err := exec.CommandContext(ctx, "go", append(args, file)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof %s: %w: %s", file, err, out)
	}
	return out, nil
}
