package identity

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
)

// jwtFault is why a JWT proves nothing. Its text is our own, and repeats nothing of the JWT.
type jwtFault int

const (
	notBearer jwtFault = iota
	malformedJWT
	otherAlgorithm
	otherKey
	badSignature
	expiredJWT
	earlyJWT
	endlessJWT
	badClaims
	criticalJWT
	badSubject
	jwtFaults
)

// jwtReasons is the values of the label "reason" of spike_jwt_refused_total, and the texts for the log.
var jwtReasons = [jwtFaults]struct{ label, words string }{
	notBearer:      {"scheme", "Authorization is not a Bearer's"},
	malformedJWT:   {"malformed", "it is malformed"},
	otherAlgorithm: {"algorithm", "no key is for its algorithm"},
	otherKey:       {"key", "there is no key of its kid, or that key is for another algorithm"},
	badSignature:   {"signature", "its signature is not right"},
	expiredJWT:     {"expired", "it has expired"},
	earlyJWT:       {"not_yet", "it is not valid yet"},
	endlessJWT:     {"no_exp", "it has no exp"},
	badClaims:      {"claims", "its claims are not right"},
	criticalJWT:    {"critical", "it has critical extensions"},
	badSubject:     {"subject", fmt.Sprintf("sub is not 1 to %d bytes without control characters", maxBuyerID)},
}

func (f jwtFault) Error() string { return ErrJWT.Error() + ": " + jwtReasons[f].words }
func (f jwtFault) Unwrap() error { return ErrJWT }

// faultOf is the fault that the parser found first.
func (k *JWTKey) faultOf(token *jwt.Token, err error) jwtFault {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return malformedJWT
	case token == nil || token.Method == nil || !slices.Contains(k.methods, token.Method.Alg()):
		return otherAlgorithm
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return otherKey
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return badSignature
	case errors.Is(err, jwt.ErrTokenExpired):
		return expiredJWT
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return earlyJWT
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return endlessJWT
	}
	return badClaims
}

// Refusals counts refused JWTs by reason, and logs each reason now and then.
type Refusals struct {
	count [jwtFaults]atomic.Uint64
	log   [jwtFaults]zerolog.Logger
}

const jwtSaidEvery = time.Minute

// NewRefusals counts from zero.
func NewRefusals(log zerolog.Logger) *Refusals {
	l := &Refusals{}
	for i := range l.log {
		l.log[i] = log.Sample(&zerolog.BurstSampler{Burst: 1, Period: jwtSaidEvery})
	}
	return l
}

// Note counts an error of Identify, if a JWT was refused.
func (l *Refusals) Note(err error) {
	var f jwtFault
	if !errors.As(err, &f) {
		return
	}
	n := l.count[f].Add(1)
	l.log[f].Warn().Str("why", jwtReasons[f].words).Uint64("so_often", n).Msg("a JWT was refused")
}

// All is how many JWTs were refused, by reason.
func (l *Refusals) All() iter.Seq2[string, uint64] {
	return func(yield func(reason string, n uint64) bool) {
		for i := range l.count {
			if !yield(jwtReasons[i].label, l.count[i].Load()) {
				return
			}
		}
	}
}
