//go:build e2e

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spike/bench/rig/rigtest"
)

// smallDisk mounts a file system with so many bytes. If it cannot, it skips the test.
func smallDisk(t testing.TB, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("a file system of our own cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves so many free bytes on a file system. It returns the file that takes the rest.
func fill(t testing.TB, dir string, leave uint64) (file string) {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "filler")
	if err := os.WriteFile(file, make([]byte, s.Bavail*uint64(s.Bsize)-leave), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// newFiles counts the ring files that are made in a directory from now on.
func newFiles(t testing.TB, dir string) (count func() int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE); err != nil {
		t.Fatal(err)
	}
	made, events := 0, make([]byte, 1<<16)
	return func() int {
		for {
			n, err := unix.Read(fd, events)
			if err != nil || n <= 0 {
				return made
			}
			made += strings.Count(string(events[:n]), ".ring")
		}
	}
}

// Row D5: on a full disk buyers hear 503. The edge tries one ring file a second, and leaves none behind. When there is room
// again it sells, and leaves nothing behind.
func TestD5FullDisk(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]uint64{"no room at all": 0, "room for a part of a ring": 8 << 10} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, "16m")
			data := filepath.Join(disk, "data")
			redis := startRedis(t)
			redis.hmset(t, "ticket", "100000")
			edge := startEdge(t, "--redis", redis.addr, "--data", data)
			filler, tries, since := fill(t, disk, room), newFiles(t, data), time.Now()
			eventually(t, patience, "it is tried four times", func() bool {
				w, _ := rigtest.CrowdAnyway(t, 20, 4, edge.buyURL("ticket"))
				if w.Count(rigtest.Won) > 0 || w.Count(rigtest.SoldOut, rigtest.NoneNow) > 0 {
					t.Fatalf("%d won and %d heard \"none\" on a full disk", w.Count(rigtest.Won), w.Count(rigtest.SoldOut, rigtest.NoneNow))
				}
				return tries() >= 4
			})
			if n, most := tries(), int(time.Since(since)/time.Second)+2; n > most {
				t.Errorf("%d ring files tried, more than one a second: %d", n, most)
			}
			eventually(t, patience, "no part of a ring is left", func() bool { return len(rings(t, data)) == 0 })
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			eventually(t, patience, "it sells", func() bool {
				w, _ := rigtest.CrowdAnyway(t, 100, 4, edge.buyURL("ticket"))
				return w.Count(rigtest.Won) == 100
			})
			edge.stop(t)
			if n := strings.Count(edge.Output(), "no space left"); n < 1 || n > 4 {
				t.Errorf("it is said %d times:\n%s", n, edge.Output())
			}
			left, err := os.ReadDir(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range left {
				if f.Name() != "lock" {
					t.Errorf("left behind: %s", f.Name())
				}
			}
			if a := redis.audit(t, "ticket"); a.Leased != 0 || a.Limbo != 0 {
				t.Errorf("%+v", a)
			}
		})
	}
}

// If a disk has room for a small ring only, the edge sells with the small ring.
func TestD5RoomForASmallRing(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "16m")
	data := filepath.Join(disk, "data")
	redis := startRedis(t)
	redis.hmset(t, "ticket", "20000")
	edge := startEdge(t, "--redis", redis.addr, "--data", data)
	fill(t, disk, 64<<10)
	sold := 0
	eventually(t, 2*patience, "all is sold", func() bool {
		w, _ := rigtest.CrowdAnyway(t, 2_000, 16, edge.buyURL("ticket"))
		sold += w.Count(rigtest.Won)
		return sold == 20_000
	})
	edge.stop(t)
	if left := rings(t, data); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if a := redis.audit(t, "ticket"); a.Pending != 20_000 {
		t.Errorf("%+v", a)
	}
}
