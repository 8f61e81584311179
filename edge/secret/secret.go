// Package secret reads files that hold secrets. Its messages never repeat their content.
package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Read reads a small file that only its owner should be able to read. Its errors do not name the file, because the path may be a
// secret that was given by mistake. The warning names the file, because then the file exists.
func Read(path string, most int64) (text []byte, warning string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("the file given cannot be opened: %w", bare(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("the file given cannot be looked at: %w", bare(err))
	}
	if text, err = io.ReadAll(io.LimitReader(f, most+1)); err != nil {
		return nil, "", fmt.Errorf("the file given cannot be read: %w", bare(err))
	}
	if int64(len(text)) > most {
		return nil, "", fmt.Errorf("the file given is larger than %d KiB", most>>10)
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o007 != 0 {
		warning = fmt.Sprintf("%s is open to every user of this machine (mode %04o): chmod 600", path, mode.Perm())
	}
	return text, warning, nil
}

// bare is an error without its path.
func bare(err error) error {
	if of, is := errors.AsType[*os.PathError](err); is {
		return of.Err
	}
	return err
}
