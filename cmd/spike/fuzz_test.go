package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// addressErrors are the only errors of a bad address.
var addressErrors = regexp.MustCompile(`^--redis: (unknown scheme|` +
	`after the host's slash there must be the number of a database, or nothing|not [A-Z\[\]:,.]+|` +
	`not redis\[s\]://[^\x00]+ and so on\)|not redis\+sentinel://[A-Z:@\[\],./]+)$`)

// FuzzRedisAddress: no address makes a panic. The error of a refused address does not repeat it, because it may hold a
// password. An accepted address names a server.
func FuzzRedisAddress(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:6379", "a:1,b:2,[::1]:3", "redis://u:p@h:6379/0",
		"rediss://:p@h:1?db=3&skip_verify=true", "unix:///run/redis.sock", "unix://u:p@/x?db=1",
		"redis+sentinel://a:1,b:2/mymaster", "redis+sentinel://u:p,w@a:1,[::1]:2/m", "redis+sentinel://u:p@ss@a:1/m",
		"user:s3cret", "s3cret@h:1", "u:s3://cret@h:1", "redis://u:1#s3cret@h:1", "redis://u:1?s3cret@h:1", "redis://h/-1",
		"redis://h?dial_timeout=s3cret", "unix://run/redis.sock", "unix://", "redis+sentinel:///m", "redis://[::1",
		"redis://h:0", "h:65536", ":1", ",", "://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		o, err := redisOptions(addr)
		if err != nil {
			if !errors.Is(err, errUsage) || !addressErrors.MatchString(err.Error()) {
				t.Errorf("%q: %v", addr, err)
			}
			return
		}
		if len(o.InitAddress) == 0 || o.SelectDB < 0 {
			t.Errorf("%q: %+v", addr, o.InitAddress)
		}
		for _, a := range o.InitAddress {
			host, _, err := net.SplitHostPort(a)
			if o.DialCtxFn != nil && a == "" || o.DialCtxFn == nil && err != nil {
				t.Errorf("%q goes to %q: %v", addr, a, err)
			}
			if o.Password != "" && o.DialCtxFn == nil && len(o.Password) > 8 && strings.Contains(host, o.Password) {
				t.Errorf("%q goes to %q", addr, a)
			}
		}
		if strings.HasPrefix(addr, "redis+sentinel://") != (o.Sentinel.MasterSet != "") && !strings.Contains(addr, "master_set") {
			t.Errorf("%q: master %q", addr, o.Sentinel.MasterSet)
		}
	})
}

// readers are the commands that read files.
type readers struct {
	Serve  ServeCmd  `cmd:""`
	Orders OrdersCmd `cmd:""`
}

// configReader reads command lines of one command with a file of this text.
type configReader struct {
	readers
	parser *kong.Kong
	file   string
}

func newConfigReader(t testing.TB) *configReader {
	t.Helper()
	r := &configReader{file: filepath.Join(t.TempDir(), "c.yaml")}
	var err error
	if r.parser, err = kong.New(&r.readers, kong.Name("spike"), kong.PostBuild(serviceVariables), longHelp); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *configReader) parse(t testing.TB, command, text string, more ...string) error {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.parser.Parse(append([]string{command, "--config", r.file}, more...))
	return err
}

// FuzzConfig: no file makes a panic. Every error has a text, which never repeats a secret.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"lang: en\nnode: n\nsales: [ticket]\nlease: 4s\n", "admin-token: [hunter2-hunter2]",
		"admin-token: {a: hunter2-hunter2}", "admin-token: 12345678", "token-key: [hunter2-hunter2]",
		"redis: {a: hunter2-hunter2}", "webhook-secret: [hunter2-hunter2]", "db: {x: hunter2-hunter2}", "lease: 5",
		"lease: [5s]", "sales: {a: b}", "sales: [[a]]", "production: maybe", "trusted-proxies: [10.0.0.0/8]",
		"trusted-proxies: x", "mutex-profile-fraction: 1.5", "batch: 1e3", "help: true", "config: x", "a: &a b", "{",
		"lang: !!binary eA==", "lang: ~", "? lang\n: en", "lang: en\nlang: zh", "- a", "sales: []",
		"admin-token: !!int \"hunter2-hunter2\"", "redis: |\n  hunter2-hunter2"} {
		f.Add("serve", seed)
		f.Add("orders", seed)
	}
	r := newConfigReader(f)
	f.Fuzz(func(t *testing.T, command, text string) {
		if command != "orders" {
			command = "serve"
		}
		err := r.parse(t, command, text, map[string][]string{"orders": {"--db", "sqlite:x"}}[command]...)
		if err == nil {
			if r.Serve.Config == "" && r.Orders.Config == "" {
				t.Error("no file was named")
			}
			return
		}
		if strings.TrimSpace(err.Error()) == "" || strings.Contains(err.Error(), "hunter2-hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// A flag reads a value of the file as it reads an argument. An error never repeats the value of a flag that takes one value.
func TestConfigIsReadAsFlagsAre(t *testing.T) {
	r := newConfigReader(t)
	err := r.parse(t, "serve", "admin-token: 0012345678901234567890\ntoken-key: 1e5\nlease: 4s\nsales: [a, 007]\n"+
		"production: yes\nmutex-profile-fraction: 5\n")
	s := r.Serve
	if err != nil || s.AdminToken != "0012345678901234567890" || s.TokenKey != "1e5" ||
		!slices.Equal(s.Sales, []string{"a", "007"}) || !s.Production || s.MutexProfileFraction != 5 {
		t.Errorf("%+v %v", s, err)
	}
	err = r.parse(t, "serve", "lang: en\nnode: a\n", "--node", "b")
	if s = r.Serve; err != nil || s.Node != "b" || s.Lang != "en" || s.AdminToken != "" {
		t.Errorf("%+v %v", s, err)
	}
	for text, want := range map[string]string{
		"admin-token: [s3cret]":         "admin-token: is one value, not a list",
		"admin-token: {s3cret: s3cret}": "admin-token: ",
		"redis: [s3cret]":               "redis: is one value",
		"lease: 5":                      "expected duration",
		"mutex-profile-fraction: 1.5":   "expected a valid 64 bit int",
		"sales: [[s3cret]]":             "sales: ",
		"admin-token: 2":                "",
		"admn-token: s3cret":            `did you mean "admin-token"`,
		"admin-token: ~":                "has no value",
		"help: true":                    "unknown key",
	} {
		err := r.parse(t, "serve", text)
		if err == nil {
			err = errors.New("")
		}
		if msg := err.Error(); (msg == "") != (want == "") || !strings.Contains(msg, want) || strings.Contains(msg, "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
