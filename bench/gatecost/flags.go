package gatecost

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spike/nginx"
)

// flags are the sold-out flags of sales, as the gate keeps them, for this slot and those that will be needed.
type flags struct {
	dir   string
	sales []string
	slots map[int64]bool // written
}

func newFlags(dir string, sales int) *flags {
	f := &flags{dir: dir, slots: map[int64]bool{}}
	for i := range sales {
		f.sales = append(f.sales, fmt.Sprintf("sale-%05d", i))
	}
	return f
}

// keep writes the flags of every slot from now until long after, and removes older ones.
func (f *flags) keep(now time.Time, long time.Duration) error {
	first, last := nginx.Slot(now), nginx.Slot(now.Add(long))
	for slot := first; slot <= last; slot++ {
		if f.slots[slot] {
			continue
		}
		f.slots[slot] = true
		if err := f.each(slot, func(file string) error { return os.Mkdir(file, 0o755) }); err != nil {
			return err
		}
	}
	for slot := range f.slots {
		if slot < first {
			delete(f.slots, slot)
			if err := f.each(slot, os.Remove); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *flags) each(slot int64, do func(string) error) error {
	for _, sale := range f.sales {
		if err := do(filepath.Join(f.dir, nginx.FlagName(sale, nginx.SoldOut, slot))); err != nil {
			return fmt.Errorf("flags: %w", err)
		}
	}
	return nil
}
