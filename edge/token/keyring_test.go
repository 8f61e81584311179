package token

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// oddKey has bytes that differ in the two alphabets of base64, and its 32 bytes need padding.
func oddKey(first byte) []byte {
	key := bytes.Repeat([]byte{0xfb, 0xef, 0xff}, 11)[:MinKey]
	key[0] = first
	return key
}

func TestParseKeys(t *testing.T) {
	a, b := oddKey(0xff), oddKey(1)
	std, url := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	rawStd, rawURL := base64.RawStdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	if std(a) == url(a) || std(a) == rawStd(a) {
		t.Fatal("this key is the same in every form")
	}
	for _, text := range []string{
		std(a) + "\n" + std(b), url(a) + "," + rawStd(b), rawURL(a) + ",\n" + hex.EncodeToString(b),
		"# keys of 2026\n\n  " + strings.ToUpper(hex.EncodeToString(a)) + "  # first\r\n\t" + url(b) + "\r\n# old, older\n",
		"," + std(a) + " , " + std(b) + ",",
	} {
		if keys, err := ParseKeys(text); err != nil || !slices.EqualFunc(keys, [][]byte{a, b}, bytes.Equal) {
			t.Errorf("%q: %x %v", text, keys, err)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(oddKey(1))
	many := ""
	for i := range MaxKeys + 1 {
		many += hex.EncodeToString(someKey(byte(i))) + "\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "there is none"},
		{"comments", "# a\n , \n", "there is none"},
		{"31 bytes", hex.EncodeToString(make([]byte, 31)), "key 1: is not 32 to 1024 bytes long"},
		{"odd hex", strings.Repeat("a", 41), "key 1: is neither"},
		{"spare bits", strings.TrimRight(good, "=")[:42] + "/", "key 1: is neither"},
		{"too long", hex.EncodeToString(make([]byte, 1025)), "key 1: is not 32 to"},
		{"both alphabets", "+_" + good[2:], "key 1: is neither"},
		{"padding within", good[:4] + "=" + good[4:], "key 1: is neither"},
		{"a line end within", good[:8] + "\r" + good[8:], "key 1: is neither"},
		{"words", good + "\ncorrect horse battery staple correct horse battery", "key 2: is neither"},
		{"twice", good + "," + good, "key 2: is there twice"},
		{"five", many, "key 5: is one too many"},
		{"a book", strings.Repeat("#", maxKeyFile+1), "more than 64 KiB"},
	} {
		keys, err := ParseKeys(c.text)
		if !errors.Is(err, ErrKeys) || keys != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

var sayings = regexp.MustCompile(`^token keys: (there is none|more than 64 KiB|key [1-5]: (is neither base64 nor hex|` +
	`is not 32 to 1024 bytes long|is there twice|is one too many: there may be 4))$`)

// FuzzParseKeys: accepted keys can sign. Every error is one of ours, and has no key in it.
func FuzzParseKeys(f *testing.F) {
	good := base64.StdEncoding.EncodeToString(oddKey(1))
	for _, seed := range []string{good, good + "," + hex.EncodeToString(someKey(2)), "# x\n" + good[:40],
		good[:9] + "\n" + good[9:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ParseKeys(text)
		if err != nil {
			if !sayings.MatchString(err.Error()) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		s := NewSigner(keys...)
		for i, key := range keys {
			if len(key) < MinKey || slices.IndexFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }) != i {
				t.Errorf("%q: key %d is %x", text, i+1, key)
			}
			if _, token := someToken(NewSigner(key)); len(token) != Len {
				t.Error(len(token))
			} else if _, err := s.Parse(token); err != nil {
				t.Errorf("%q: key %d does not count", text, i+1)
			}
		}
	})
}

func TestLoadKeysFromAFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := "# new\n" + hex.EncodeToString(someKey(1)) + "\n# old\n" + hex.EncodeToString(someKey(2)) + "\n"
	for name, mode := range map[string]os.FileMode{"own.key": 0o600, "group.key": 0o640, "all.key": 0o644, "others.key": 0o602} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		open := mode&0o007 != 0
		for _, path := range []string{name, "./" + name, filepath.Join(dir, name)} {
			keys, warning, err := LoadKeys(path)
			if err != nil || !slices.EqualFunc(keys, [][]byte{someKey(1), someKey(2)}, bytes.Equal) {
				t.Errorf("%s: %x %v", path, keys, err)
			}
			if (warning != "") != open || open && !strings.Contains(warning, name) {
				t.Errorf("%s, mode %o: warning %q", path, mode, warning)
			}
		}
	}
}

func TestLoadKeysInPlace(t *testing.T) {
	a, b := oddKey(0xff), oddKey(1)
	slash := base64.StdEncoding.EncodeToString(a)
	if slash[0] != '/' {
		t.Fatal(slash)
	}
	for _, value := range []string{"," + slash + "," + hex.EncodeToString(b),
		base64.URLEncoding.EncodeToString(a) + "\n" + hex.EncodeToString(b)} {
		if keys, warning, err := LoadKeys(value); err != nil || warning != "" || !slices.EqualFunc(keys, [][]byte{a, b}, bytes.Equal) {
			t.Errorf("%q: %x %q %v", value, keys, warning, err)
		}
	}
}

// No error repeats its input, which may have been a key.
func TestLoadKeysKeepsSecrets(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	secret := strings.Repeat("Xy7", 20)
	for name, text := range map[string]string{"bad.key": secret + "!", "empty.key": "",
		"large.key": strings.Repeat("#", maxKeyFile+1)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for value, want := range map[string]string{
		secret + "!":       "neither base64 nor hex",
		secret[:28]:        "32 to 1024 bytes",
		"/" + secret + "=": "cannot be opened: no such file",
		"./" + secret:      "cannot be opened: no such file",
		"bad.key":          "token keys: bad.key: key 1: is neither",
		"empty.key":        "token keys: empty.key: there is none",
		"large.key":        "larger than 64 KiB",
		dir:                "cannot be read: is a directory",
		"":                 "there is none",
	} {
		keys, _, err := LoadKeys(value)
		if !errors.Is(err, ErrKeys) || keys != nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), secret[:30]) {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
}
