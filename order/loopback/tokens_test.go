package loopback

import (
	"strings"
	"testing"
	"time"
)

func TestTokensGiveRoles(t *testing.T) {
	tokens := NewTokens()
	if !tokens.None() || tokens.Shown("Bearer ") != Nobody || (*Tokens)(nil).Shown("Bearer x") != Nobody {
		t.Error("there is a way in without a token")
	}
	tokens.Set(Secrets{Admin: {"a1", "", "a2", "both"}, Viewer: {"v", "both"}, Payment: {"p"}})
	for text, want := range map[string]Role{"a1": Admin, "a2": Admin, "both": Admin, "v": Viewer, "p": Payment, "": Nobody,
		"a": Nobody, "a11": Nobody, "A1": Nobody} {
		if got := tokens.Shown("Bearer " + text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if tokens.Shown("a1") != Nobody || tokens.Shown("Basic a1") != Nobody {
		t.Error("a token counts without Bearer")
	}
	tokens.Set(Secrets{Viewer: {"a1"}})
	if tokens.Shown("Bearer a1") != Viewer || tokens.Shown("Bearer a2") != Nobody {
		t.Error("old tokens are accepted")
	}
}

// A seal stands for its token, at every process that has that token, until its time is over or the token is taken away.
func TestSealsStandForTokens(t *testing.T) {
	here, there, now := NewTokens(), NewTokens(), time.Now()
	here.Set(Secrets{Admin: {"secret-a"}, Viewer: {"secret-v"}})
	there.Set(Secrets{Viewer: {"secret-v"}})
	if here.Seal("other", now.Add(time.Hour)) != "" {
		t.Error("a wrong token is sealed")
	}
	admin, viewer := here.Seal("secret-a", now.Add(time.Hour)), here.Seal("secret-v", now.Add(time.Hour))
	if strings.Contains(admin+viewer, "secret") {
		t.Error("the seal tells the token")
	}
	later := now.Add(2 * time.Hour)
	longer := strings.Replace(admin, admin[:strings.Index(admin, ".")], "99999999999", 1)
	for _, c := range []struct {
		tokens *Tokens
		seal   string
		at     time.Time
		want   Role
	}{
		{here, admin, now, Admin}, {here, viewer, now, Viewer}, {there, viewer, now, Viewer}, {there, admin, now, Nobody},
		{here, admin, later, Nobody}, {here, longer, now, Nobody}, {here, "", now, Nobody}, {here, ".", now, Nobody},
		{here, admin + "x", now, Nobody}, {here, admin[:len(admin)-1], now, Nobody}, {nil, admin, now, Nobody},
	} {
		if got := c.tokens.Sealed(c.seal, c.at); got != c.want {
			t.Errorf("%q: %v, want %v", c.seal, got, c.want)
		}
	}
	here.Set(Secrets{Admin: {"secret-b"}})
	if here.Sealed(admin, now) != Nobody {
		t.Error("the seal outlives its token")
	}
}
