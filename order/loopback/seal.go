package loopback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// A seal stands for a token until a time, and does not tell the token. It is "UNIX_SECONDS.MAC", and the token is the key of the
// MAC. So no process keeps seals: every process that has the token knows them, and they end with the token.

// Seal trades a token for a seal that lasts until then; "": the token is none of these.
func (t *Tokens) Seal(token string, until time.Time) string {
	if t.Shown("Bearer "+token) == Nobody {
		return ""
	}
	return sealed(token, strconv.FormatInt(until.Unix(), 10))
}

// Sealed is the role that a seal gives now.
func (t *Tokens) Sealed(seal string, now time.Time) Role {
	until, _, _ := strings.Cut(seal, ".")
	if end, err := strconv.ParseInt(until, 10, 64); err != nil || now.Unix() >= end {
		return Nobody
	}
	return t.highest(func(s secret) bool { return same(seal, sealed(s.text, until)) })
}

func sealed(token, until string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("spike session until " + until))
	return until + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
