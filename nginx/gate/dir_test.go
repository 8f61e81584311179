package gate

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"spike/nginx"
)

// Row A6: entries that other users put into the directory of the flags never lead the gate elsewhere.

func gateDir(t *testing.T) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "flags")
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestA6LinksAreNotFollowed(t *testing.T) {
	at := gateDir(t)
	secret, private := filepath.Join(filepath.Dir(at), "secret"), filepath.Join(filepath.Dir(at), "private")
	if err := errors.Join(os.WriteFile(secret, []byte("key"), 0o600), os.Mkdir(private, 0o700)); err != nil {
		t.Fatal(err)
	}
	d, err := openDir(at)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	flag := nginx.FlagName("s", nginx.SoldOut, 7)
	for _, target := range []string{secret, private, filepath.Join(filepath.Dir(at), "nowhere")} {
		link := filepath.Join(at, flag)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if err := d.add(flag); !errors.Is(err, ErrDir) {
			t.Errorf("a flag that is a link to %s: %v", target, err)
		}
		if err := errors.Join(os.Mkdir(filepath.Join(at, "s.sold-out.6"), 0o755), d.rename("s.sold-out.6", "s.sold-out.8"),
			d.remove("s.sold-out.8"), d.remove(flag)); err != nil {
			t.Error(err)
		}
	}
	for path, want := range map[string]os.FileMode{secret: 0o600, private: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(at), "nowhere")); err == nil {
		t.Error("something was made through a link")
	}
}

func TestA6TheLockIsNoLink(t *testing.T) {
	at := gateDir(t)
	target := filepath.Join(filepath.Dir(at), "elsewhere")
	if err := os.Symlink(target, filepath.Join(at, lockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := openDir(at); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "link") {
		t.Error(err)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("it was made through the link")
	}
}

// A directory that every user may write to or replace is refused. A directory that some other users may write to is named.
func TestA6WhoElseMayWrite(t *testing.T) {
	for name, c := range map[string]struct {
		flags, parent os.FileMode
		refused       bool
		named         bool
	}{
		"nobody else":                {0o755, 0o755, false, false},
		"everybody":                  {0o777, 0o755, true, false},
		"everybody, sticky":          {0o777 | os.ModeSticky, 0o755, true, false},
		"everybody, its folder":      {0o755, 0o777, true, false},
		"a folder like /tmp":         {0o755, 0o777 | os.ModeSticky, false, false},
		"its group, but nobody else": {0o775, 0o755, false, true},
	} {
		at := gateDir(t)
		if err := errors.Join(os.Chmod(at, c.flags), os.Chmod(filepath.Dir(at), c.parent)); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		g, err := Open(at, &fakeStore{}, zerolog.New(&log))
		if (err != nil) != c.refused || err != nil && !errors.Is(err, ErrDir) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(log.String(), "others may write") != c.named {
			t.Errorf("%s: %s", name, &log)
		}
		if err == nil {
			g.dir.close()
		}
	}
}

// The owner of the directory may write there.
func TestA6AnotherUsersDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	at := gateDir(t)
	if err := os.Chown(at, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	g, err := Open(at, &fakeStore{}, zerolog.New(&log))
	if err != nil || !strings.Contains(log.String(), "user 65534") {
		t.Fatal(err, log.String())
	}
	defer g.dir.close()
	// and replaces it
	if err := errors.Join(os.Rename(at, at+".old"), os.Mkdir(at, 0o755)); err != nil {
		t.Fatal(err)
	}
	flag := nginx.FlagName("s", nginx.SoldOut, 7)
	if err := g.dir.add(flag); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(at, flag)); err != nil {
		t.Error("the flag is where nginx does not look:", err)
	}
}
