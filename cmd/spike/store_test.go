package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Row D15: a slash at the end of a URL is no error. If the text after the slash is no number, the error names the slash.
func TestD15SlashOfARedisURL(t *testing.T) {
	for _, addr := range []string{"redis://h:6379/x", "rediss://u:s3cret@h:6379/1/2", "redis://h:1/-1"} {
		_, err := redisOptions(addr)
		if err == nil || !strings.Contains(err.Error(), "slash") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestRedisAddresses(t *testing.T) {
	for addr, want := range map[string]struct {
		seeds                  []string
		master, user, password string
	}{
		"127.0.0.1:6379":                           {seeds: []string{"127.0.0.1:6379"}},
		"a:1,b:2,[::1]:3":                          {seeds: []string{"a:1", "b:2", "[::1]:3"}},
		"redis://u:p@h:6379/0":                     {seeds: []string{"h:6379"}, user: "u", password: "p"},
		"redis://h:6379/":                          {seeds: []string{"h:6379"}},
		"redis://u:p@h:6379/?protocol=3":           {seeds: []string{"h:6379"}, user: "u", password: "p"},
		"unix:///run/redis.sock":                   {seeds: []string{"/run/redis.sock"}},
		"redis+sentinel://a:1,b:2/mymaster":        {seeds: []string{"a:1", "b:2"}, master: "mymaster"},
		"redis+sentinel://u:p%40ss@a:1,b:2/master": {seeds: []string{"a:1", "b:2"}, master: "master", user: "u", password: "p@ss"},
	} {
		o, err := redisOptions(addr)
		if err != nil || !slices.Equal(o.InitAddress, want.seeds) || o.Sentinel.MasterSet != want.master ||
			o.Username != want.user || o.Password != want.password {
			t.Errorf("%s: %v %q %q %q %v", addr, o.InitAddress, o.Sentinel.MasterSet, o.Username, o.Password, err)
		}
	}
	for _, addr := range []string{"nohost", "user:s3cret@host:1", "http://u:s3cret@h:1", "redis+sentinel://u:s3cret@h:1",
		"redis+sentinel://u:s3cret@h", "redis://u:s3cret@h:port/x", "a:1,b"} {
		if _, err := redisOptions(addr); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// A password in a file is the server's password. Errors name neither it nor the address.
func TestRedisPasswordFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("s3cret words\n")
	o, err := storeFlag{Redis: "redis://ann@h:1", RedisPasswordFile: file}.options()
	if err != nil || o.Username != "ann" || o.Password != "s3cret words" {
		t.Errorf("%q %q %v", o.Username, o.Password, err)
	}
	for what, f := range map[string]storeFlag{
		"two passwords": {Redis: "redis://:other@h:1", RedisPasswordFile: file},
		"no file":       {Redis: "h:1", RedisPasswordFile: file + "x"},
	} {
		if _, err := f.options(); !errors.Is(err, errUsage) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	write("\n")
	if _, err := (storeFlag{Redis: "h:1", RedisPasswordFile: file}).options(); !errors.Is(err, errUsage) {
		t.Error(err)
	}
}
