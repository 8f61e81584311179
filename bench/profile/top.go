package profile

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/pprof/profile"
)

// views are the texts made of the profiles. The heap has two: memory in use, and memory ever allocated.
var views = []struct{ kind, file, title, sample string }{
	{"cpu", "cpu.txt", "CPU", "cpu"},
	{"mutex", "mutex.txt", "Mutex: time others waited for a lock", "delay"},
	{"block", "block.txt", "Block: time spent waiting", "delay"},
	{"heap", "heap.txt", "Heap in use", "inuse_space"},
	{"heap", "alloc.txt", "Allocated since start", "alloc_space"},
}

// topMost is how many functions are shown of each.
const topMost = 20

// Print writes the top 20 of each profile to w and beside the profile.
func Print(w io.Writer, profiles []Profile) error {
	for _, p := range profiles {
		for _, v := range views {
			if v.kind != p.Kind {
				continue
			}
			text, err := top(p.File, v.sample)
			if err != nil {
				return fmt.Errorf("top of %s: %w", p.Kind, err)
			}
			fmt.Fprintf(w, "\n== %s (%s)\n%s", v.title, p.File, text)
			if err = os.WriteFile(filepath.Join(filepath.Dir(p.File), v.file), text, 0o644); err != nil {
				return fmt.Errorf("top of %s: %w", p.Kind, err)
			}
		}
	}
	return nil
}

// function is what was measured in one function, alone and with the functions that it called.
type function struct {
	name      string
	flat, cum int64
}

// top is one profile as text, as `go tool pprof -top` writes it.
func top(file, sample string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	at, err := p.SampleIndexByName(sample)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	all, total := functions(p, at)
	var out bytes.Buffer
	unit := p.SampleType[at].Unit
	fmt.Fprintf(&out, "%s of %s in all; the first %d of %d functions\n%12s %6s %12s %6s\n", amount(total, unit), sample,
		min(topMost, len(all)), len(all), "flat", "flat%", "cum", "cum%")
	for _, one := range all[:min(topMost, len(all))] {
		fmt.Fprintf(&out, "%12s %5.1f%% %12s %5.1f%%  %s\n", amount(one.flat, unit), percent(one.flat, total), amount(one.cum, unit),
			percent(one.cum, total), one.name)
	}
	return out.Bytes(), nil
}

// functions returns all functions, the largest of their own first.
func functions(p *profile.Profile, at int) (all []*function, total int64) {
	by := map[string]*function{}
	for _, s := range p.Sample {
		total += s.Value[at]
		seen := map[string]bool{} // a sample of a recursive function is counted once
		for depth, location := range s.Location {
			for inlined, line := range location.Line {
				name := line.Function.Name
				one := by[name]
				if one == nil {
					one = &function{name: name}
					by[name] = one
					all = append(all, one)
				}
				if depth == 0 && inlined == 0 {
					one.flat += s.Value[at]
				}
				if !seen[name] {
					seen[name] = true
					one.cum += s.Value[at]
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b *function) int {
		return cmp.Or(cmp.Compare(b.flat, a.flat), cmp.Compare(b.cum, a.cum), cmp.Compare(a.name, b.name))
	})
	return all, total
}

// percent of nothing is 0.
func percent(n, total int64) float64 { return 100 * float64(n) / float64(max(1, total)) }

// amount formats a number with its unit.
func amount(n int64, unit string) string {
	switch unit {
	case "nanoseconds":
		return time.Duration(n).Round(time.Microsecond).String()
	case "bytes":
		return fmt.Sprintf("%.2fMB", float64(n)/(1<<20))
	}
	return fmt.Sprint(n)
}
