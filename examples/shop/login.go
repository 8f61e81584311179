package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// loginCookie carries a login: a JWT (HS256) whose sub is the buyer. An edge with the same key as --jwt-key believes it, too.
const (
	loginCookie = "login"
	loginTerm   = 12 * time.Hour
	loginHead   = `{"alg":"HS256","typ":"JWT"}`
)

var (
	errNoLogin = errors.New("no_buyer")
	buyerName  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.@-]{0,63}$`)
	unpadded   = base64.RawURLEncoding
)

// logins signs and reads logins. Everybody may log in under every name: replace login by the shop's own, and keep the rest.
type logins struct {
	key       []byte
	plainHTTP bool
}

type loginClaims struct {
	Buyer string `json:"sub"`
	Ends  int64  `json:"exp"`
}

func (l logins) sign(claims loginClaims) string {
	body, _ := json.Marshal(claims) // a string and a number always marshal
	text := unpadded.EncodeToString([]byte(loginHead)) + "." + unpadded.EncodeToString(body)
	return text + "." + unpadded.EncodeToString(l.mac(text))
}

func (l logins) mac(text string) []byte {
	h := hmac.New(sha256.New, l.key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// buyer returns who has logged in. The header has one form only, so no other algorithm is ever taken.
func (l logins) buyer(r *http.Request) (string, error) {
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return "", errNoLogin
	}
	return l.verify(cookie.Value, time.Now())
}

func (l logins) verify(token string, now time.Time) (string, error) {
	end := strings.LastIndexByte(token, '.')
	if end < 0 {
		return "", errNoLogin
	}
	mac, err := unpadded.DecodeString(token[end+1:])
	if err != nil || !hmac.Equal(mac, l.mac(token[:end])) {
		return "", errNoLogin
	}
	head, body, _ := strings.Cut(token[:end], ".")
	claims := loginClaims{}
	text, err := unpadded.DecodeString(body)
	if err != nil || head != unpadded.EncodeToString([]byte(loginHead)) || json.Unmarshal(text, &claims) != nil {
		return "", errNoLogin
	}
	if claims.Buyer == "" || now.Unix() >= claims.Ends {
		return "", errNoLogin
	}
	return claims.Buyer, nil
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	var want struct{ Buyer string }
	if !read(w, r, &want) {
		return
	}
	if !buyerName.MatchString(want.Buyer) {
		refuse(w, http.StatusBadRequest, errors.New("bad_buyer"))
		return
	}
	token := s.logins.sign(loginClaims{Buyer: want.Buyer, Ends: time.Now().Add(loginTerm).Unix()})
	s.logins.set(w, token, int(loginTerm.Seconds()))
	reply(w, http.StatusOK, map[string]any{"buyer": want.Buyer})
}

func (s *shop) logout(w http.ResponseWriter, _ *http.Request) {
	s.logins.set(w, "", -1)
	reply(w, http.StatusOK, map[string]any{"buyer": ""})
}

// set gives the browser a cookie that no script can read.
func (l logins) set(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: loginCookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true,
		Secure: !l.plainHTTP, SameSite: http.SameSiteLaxMode})
}
