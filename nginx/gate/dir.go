package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"spike/nginx"
)

// ErrDir is wrapped by every error that lies in the directory given for the flags.
var ErrDir = errors.New("gate_dir")

// lockName is the file that one gate at a time has locked. It stays: whoever is next locks the same file.
const lockName = ".spike-gate.lock"

// dir is the directory of the flags. It is memory (tmpfs) or as good: nothing is synced, nothing is worth keeping.
type dir struct {
	path string
	lock *os.File
}

// openDir makes the directory if need be, keeps every other gate out, and removes what an earlier one has left.
func openDir(path string) (*dir, error) {
	d := &dir{path: path}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%w: %s: another gate keeps the flags there: %w", ErrDir, path, err)
	}
	d.lock = lock
	if err = d.clear(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return d, nil
}

// open makes the directory if it is not there, for everybody to look into, whatever this process makes otherwise.
func (d *dir) open() error {
	if _, err := os.Stat(d.path); err == nil {
		return nil
	}
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		return err
	}
	return os.Chmod(d.path, 0o755)
}

// hidden is a folder on the way to the flags that not everybody may enter; "": there is none.
func (d *dir) hidden() string {
	for path := d.path; ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o001 == 0 {
			return path
		}
		if path == filepath.Dir(path) {
			return ""
		}
	}
}

// close lets another gate in.
func (d *dir) close() { _ = d.lock.Close() }

// clear removes every flag, and nothing else. What is called like one and has something in it is none.
func (d *dir) clear() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	for _, e := range entries {
		if _, _, _, ours := nginx.ParseFlagName(e.Name()); !ours {
			continue
		}
		if err := d.remove(e.Name()); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return nil
}

// add makes a flag of which only the name counts: a directory (see nginx.FlagName).
func (d *dir) add(name string) error {
	err := d.make(name)
	if errors.Is(err, fs.ErrNotExist) && d.open() == nil { // somebody has tidied up
		err = d.make(name)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}

func (d *dir) make(name string) error {
	flag := filepath.Join(d.path, name)
	if err := os.Mkdir(flag, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(flag, 0o755) // nginx may be another user
}

// rename makes one flag of another: a slot later, for half of what a new one costs.
func (d *dir) rename(from, to string) error {
	err := os.Rename(filepath.Join(d.path, from), filepath.Join(d.path, to))
	if errors.Is(err, fs.ErrNotExist) {
		return d.add(to)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}

// remove is done when there is no such flag, for whatever reason.
func (d *dir) remove(name string) error {
	if err := os.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}
