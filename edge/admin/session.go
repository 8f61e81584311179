package admin

import (
	"net/http"
	"time"

	"spike/order/loopback"
	"spike/order/operators"
)

// A browser cannot send a bearer token with an EventSource. So a page trades the token for a cookie, which is a seal of it: no
// process keeps sessions, and a session ends with its token.

const (
	sessionCookie = "spike_session"
	sessionLasts  = 12 * time.Hour
)

// session is the answer of GET /session.
type session struct {
	Role        string `json:"role"`
	TokenNeeded bool   `json:"token_needed"`
}

// tellSession tells the caller its role.
func (s *Side) tellSession(wrong *operators.WrongTokens) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		role := s.role(r)
		if role == loopback.Nobody {
			s.refuse(w, r, role, wrong)
			return
		}
		reply(w, http.StatusOK, session{role.String(), !s.Tokens.None()}, nil)
	}
}

// beginSession trades the token in the body for the cookie.
func (s *Side) beginSession(wrong *operators.WrongTokens) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Token string `json:"token"`
		}
		if err := readJSON(r, &body); err != nil {
			reply(w, 0, nil, err)
			return
		}
		seal := s.Tokens.Seal(body.Token, time.Now().Add(sessionLasts))
		switch {
		case s.Tokens.None() && loopback.Means(r.Host): // everybody is an admin
		case seal == "":
			wrong.Wait(r.Context())
			s.refusal(loopback.Nobody).Write(w)
			return
		default:
			setCookie(w, r, seal, sessionLasts)
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// endSession takes the cookie away.
func endSession(w http.ResponseWriter, r *http.Request) {
	setCookie(w, r, "", -time.Second)
	w.WriteHeader(http.StatusNoContent)
}

func setCookie(w http.ResponseWriter, r *http.Request, value string, lasts time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: value, Path: "/", MaxAge: int(lasts.Seconds()), HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: r.Header.Get("X-Forwarded-Proto") == "https"})
}
