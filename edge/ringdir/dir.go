// Package ringdir is the directory of an edge's ring files, which must outlive its process. There is one file for each sale that
// the edge sells. One process has the directory at a time. Claims in the files of earlier processes are settled as their owner's,
// batch by batch, or set aside for a person.
package ringdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// ErrData says that the directory cannot be used.
var ErrData = errors.New("--data")

// Dir is an open directory. The zero Dir is none: its Rings are in memory.
type Dir struct {
	path  string
	locks []*os.File
	boot  string
	store string   // identity of the store that our rings are for
	left  []string // ring files of earlier processes
	odd   []string // links and directories with the name of a ring file

	trying sync.Mutex // held by HasRoom
}

// Open takes the directory for this process. For "" it is the zero Dir.
func Open(path string) (*Dir, error) {
	if path == "" {
		return &Dir{}, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	d := &Dir{path: path, boot: allotment.BootID()}
	var err error
	if d.left, d.odd, err = ringsIn(path); err == nil {
		err = d.takeLocks()
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	return d, nil
}

// takeLocks locks the directory, and a file in it, as earlier versions did. The file alone is not enough, because anybody may
// remove it. A locked ring in the directory means that another edge has it.
func (d *Dir) takeLocks() error {
	for _, l := range []struct {
		path string
		flag int
	}{{filepath.Join(d.path, "lock"), os.O_CREATE | os.O_RDWR}, {d.path, os.O_RDONLY}} {
		f, err := os.OpenFile(l.path, l.flag, 0o600)
		if err != nil {
			return err
		}
		d.locks = append(d.locks, f)
		switch err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("%s: another edge has it", d.path)
		case err != nil && l.path != d.path: // some file systems lock no directories
			return fmt.Errorf("%s cannot be locked: %w", l.path, err)
		}
	}
	for _, path := range d.left {
		if _, err := d.owner(path); errors.Is(err, allotment.ErrRingLives) {
			return fmt.Errorf("%s: another edge has it: it sells from %s", d.path, filepath.Base(path))
		}
	}
	return nil
}

// owner is the owner of a ring file.
func (d *Dir) owner(path string) (allotment.RingOwner, error) {
	left, err := allotment.ReadRing(path, d.boot)
	if err != nil {
		return allotment.RingOwner{}, err
	}
	left.Close()
	return left.RingOwner, nil
}

// Store is the part of a store that rings of earlier processes need.
type Store interface {
	allotment.Store
	ledger.News
	Identity(ctx context.Context) (string, error)
}

// Belongs checks that the rings here are for this store. Another store does not know their sales, or has other sales of the same
// names.
func (d *Dir) Belongs(ctx context.Context, store Store) (err error) {
	if d.path == "" {
		return nil
	}
	if d.store, err = store.Identity(ctx); err != nil {
		return fmt.Errorf("identity of the store: %w", err)
	}
	for _, path := range d.left {
		o, err := d.owner(path)
		if err == nil && o.Store != "" && o.Store != d.store && !ledger.Passing(o.Store) {
			return fmt.Errorf("%w: %s has claims for store %s, and this store is %s: start with the store it was made for, "+
				"which then hears of them; if that store has lost everything, or is gone for good, its sales are over: "+
				"move the file elsewhere", ErrData, path, o.Store, d.store)
		}
	}
	return nil
}

// ringsIn lists the ring files in a directory. It uses no pattern, because the directory's name may contain a pattern's
// characters.
func ringsIn(path string) (rings, odd []string, err error) {
	files, err := os.ReadDir(path)
	for _, f := range files {
		switch {
		case !strings.HasSuffix(f.Name(), ringSuffix):
		case f.Type().IsRegular():
			rings = append(rings, filepath.Join(path, f.Name()))
		default:
			odd = append(odd, filepath.Join(path, f.Name()))
		}
	}
	return rings, odd, err
}

const ringSuffix = ".ring"

// Close lets another process have the directory.
func (d *Dir) Close() {
	for _, f := range d.locks {
		_ = f.Close()
	}
}

// Rings makes a sale's Rings, in a file if there is a directory.
func (d *Dir) Rings(sale, instance, node string, birth uint64) allotment.RingMaker {
	if d.path == "" {
		return allotment.MemoryRings{}
	}
	path := filepath.Join(d.path, fmt.Sprintf("%s-%d-%s%s", sale, birth, instance, ringSuffix))
	return allotment.NewRingFile(path, allotment.RingOwner{Sale: sale, Birth: birth, Instance: instance, Node: node,
		Store: d.store, Boot: d.boot})
}

// HasRoom says whether a Ring can be made, by making one.
func (d *Dir) HasRoom(q allotment.RingRequest) bool {
	if d.path == "" {
		return true
	}
	d.trying.Lock()
	defer d.trying.Unlock()
	path := filepath.Join(d.path, "room")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // a killed process may have left it
		return false
	}
	f := allotment.NewRingFile(path, allotment.RingOwner{Boot: d.boot})
	_, err := f.Make(q.Lanes, q.Slots, 0)
	return errors.Join(err, f.Drop()) == nil
}

// End ends a sale's Rings. No goroutine may use them any more. If the ledger has refused claims, they are kept for a person.
func (d *Dir) End(m allotment.RingMaker, refused, failed bool) error {
	f, is := m.(*allotment.RingFile)
	switch {
	case !is:
		return nil
	case failed:
		return f.Forsake()
	case refused:
		return errors.Join(d.keep(f.Left()), f.Drop())
	}
	return f.Drop()
}
