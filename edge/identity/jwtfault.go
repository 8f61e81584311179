package identity

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
)

// jwtFault is why a JWT proves nothing: a value of the label "reason" of spike_jwt_refused_total, and the text for the log. Its
// text is our own, and repeats nothing of the JWT.
type jwtFault struct{ label, words string }

var (
	notBearer      = &jwtFault{"scheme", "Authorization is not a Bearer's"}
	malformedJWT   = &jwtFault{"malformed", "it is malformed"}
	otherAlgorithm = &jwtFault{"algorithm", "no key is for its algorithm"}
	otherKey       = &jwtFault{"key", "there is no key of its kid, or that key is for another algorithm"}
	badSignature   = &jwtFault{"signature", "its signature is not right"}
	expiredJWT     = &jwtFault{"expired", "it has expired"}
	earlyJWT       = &jwtFault{"not_yet", "it is not valid yet"}
	endlessJWT     = &jwtFault{"no_exp", "it has no exp"}
	badClaims      = &jwtFault{"claims", "its claims are not right"}
	criticalJWT    = &jwtFault{"critical", "it has critical extensions"}
	badSubject     = &jwtFault{"subject", fmt.Sprintf("sub is not 1 to %d bytes without control characters", maxBuyerID)}
)

var jwtFaults = [...]*jwtFault{notBearer, malformedJWT, otherAlgorithm, otherKey, badSignature, expiredJWT, earlyJWT, endlessJWT,
	badClaims, criticalJWT, badSubject}

func (f *jwtFault) Error() string { return ErrJWT.Error() + ": " + f.words }
func (f *jwtFault) Unwrap() error { return ErrJWT }

// faultOf is the fault that the parser found first.
func (k *JWTKey) faultOf(token *jwt.Token, err error) *jwtFault {
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
type Refusals map[*jwtFault]*refusals

type refusals struct {
	count atomic.Uint64
	log   zerolog.Logger
}

const jwtSaidEvery = time.Minute

// NewRefusals counts from zero.
func NewRefusals(log zerolog.Logger) Refusals {
	l := Refusals{}
	for _, f := range jwtFaults {
		l[f] = &refusals{log: log.Sample(&zerolog.BurstSampler{Burst: 1, Period: jwtSaidEvery})}
	}
	return l
}

// Note counts an error of Identify, if a JWT was refused.
func (l Refusals) Note(err error) {
	if f, refused := errors.AsType[*jwtFault](err); refused {
		n := l[f].count.Add(1)
		l[f].log.Warn().Str("why", f.words).Uint64("so_often", n).Msg("a JWT was refused")
	}
}

// All is how many JWTs were refused, by reason.
func (l Refusals) All() map[string]uint64 {
	all := map[string]uint64{}
	for f, of := range l {
		all[f.label] = of.count.Load()
	}
	return all
}
