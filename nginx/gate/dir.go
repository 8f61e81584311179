package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"spike/nginx"
)

// ErrDir is wrapped by every error of the directory for the flags.
var ErrDir = errors.New("gate_dir")

// lockName is the file that one gate at a time locks. The file stays, because the next gate must lock the same one.
const lockName = ".spike-gate.lock"

// dir is the directory of the flags. It is memory (tmpfs) or as good: nothing in it is synced or worth keeping. It is held open,
// and no name in it is followed as a link, because other users may have put links there before.
type dir struct {
	path string
	at   *os.File // the directory at path
	was  unix.Stat_t
	lock *os.File
}

// openDir makes the directory if it does not exist, locks out every other gate, and removes the flags of an earlier one.
func openDir(path string) (*dir, error) {
	d := &dir{path: path}
	err := d.open()
	if err == nil {
		err = d.keepOut()
	}
	if err == nil {
		err = d.clear()
	}
	if err != nil {
		d.close()
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	return d, nil
}

// keepOut locks the directory for this gate.
func (d *dir) keepOut() error {
	fd, err := unix.Openat(d.fd(), lockName, unix.O_CREAT|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%s is a link: somebody else writes there", filepath.Join(d.path, lockName))
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: filepath.Join(d.path, lockName), Err: err}
	}
	d.lock = os.NewFile(uintptr(fd), lockName)
	if err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s: another gate keeps the flags there: %w", d.path, err)
	}
	return nil
}

// open makes the directory if it does not exist, readable by all users whatever this process' umask. It refuses a directory that
// every user may write to, or replace. Otherwise any user of this machine could say "sold out".
func (d *dir) open() error {
	if _, err := os.Stat(d.path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(d.path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(d.path, 0o755); err != nil {
			return err
		}
	}
	if folder := d.openTo(); folder != "" {
		return fmt.Errorf("everybody may write to %s: make it another one's, or take the right away (chmod o-w)", folder)
	}
	at, err := os.OpenFile(d.path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if err := unix.Fstat(int(at.Fd()), &d.was); err != nil {
		_ = at.Close()
		return err
	}
	if d.at != nil {
		_ = d.at.Close()
	}
	d.at = at
	return nil
}

// openTo is the directory, or a folder on the way to it, that every user may replace; "": there is none.
func (d *dir) openTo() string {
	for path := d.path; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o002 != 0 && (path == d.path || info.Mode()&fs.ModeSticky == 0) {
			return path
		}
		if path == filepath.Dir(path) {
			return ""
		}
	}
}

// sharedWith names a group or user that may also write there, by the directory's own mode; "": none.
func (d *dir) sharedWith() string {
	switch {
	case d.was.Mode&0o020 != 0:
		return fmt.Sprintf("group %d", d.was.Gid)
	case d.was.Uid != 0 && int(d.was.Uid) != os.Geteuid():
		return fmt.Sprintf("user %d", d.was.Uid)
	}
	return ""
}

func (d *dir) fd() int { return int(d.at.Fd()) }

// there says that the directory held open is still the one at path.
func (d *dir) there() bool {
	var now unix.Stat_t
	return unix.Stat(d.path, &now) == nil && now.Dev == d.was.Dev && now.Ino == d.was.Ino
}

// hidden is a folder on the way to the flags that not every user may enter; "": there is none.
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
func (d *dir) close() {
	for _, f := range [...]*os.File{d.lock, d.at} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// clear removes every flag, and nothing else. A directory with a flag's name and something in it is no flag.
func (d *dir) clear() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
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

// probeName is not the name of a flag.
const probeName = ".spike-gate.probe"

// willing tries to make and remove a flag.
func (d *dir) willing() error {
	if err := d.add(probeName); err != nil {
		return err
	}
	return d.remove(probeName)
}

// add makes a flag. A flag is a directory of which only the name counts (see nginx.FlagName).
func (d *dir) add(name string) error {
	if !d.there() { // somebody removed the directory
		if err := d.open(); err != nil {
			return fmt.Errorf("%w: %w", ErrDir, err)
		}
	}
	if err := d.make(name); err != nil {
		return fmt.Errorf("%w: %w", ErrDir, &fs.PathError{Op: "make flag", Path: filepath.Join(d.path, name), Err: err})
	}
	return nil
}

// make makes the flag, visible to all users, because nginx may run as another one. An existing directory of that name is the
// flag.
func (d *dir) make(name string) error {
	err := unix.Mkdirat(d.fd(), name, 0o755)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	flag, err := unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(flag) }()
	var is unix.Stat_t
	if err := unix.Fstat(flag, &is); err != nil || is.Mode&0o777 == 0o755 {
		return err
	}
	return unix.Fchmod(flag, 0o755)
}

// rename turns one flag into another. A flag for the next slot costs half as much this way.
func (d *dir) rename(from, to string) error {
	err := error(unix.ENOENT)
	if d.there() {
		err = unix.Renameat(d.fd(), from, d.fd(), to)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return d.add(to)
	}
	return fmt.Errorf("%w: %w", ErrDir, &fs.PathError{Op: "rename flag", Path: filepath.Join(d.path, from), Err: err})
}

// remove also succeeds when the flag does not exist.
func (d *dir) remove(name string) error {
	err := unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTDIR) {
		err = unix.Unlinkat(d.fd(), name, 0)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDir, &fs.PathError{Op: "remove flag", Path: filepath.Join(d.path, name), Err: err})
	}
	return nil
}
