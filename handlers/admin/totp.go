package admin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/skip2/go-qrcode"

	page "till/views/admin"
)

const (
	accountURL = "/admin/account"
	factorURL  = accountURL + "/second-factor"

	// codeEvery is how long a code lasts; the one before and the one after count
	// too, for clocks that are not quite right.
	codeEvery = 30 * time.Second
	// recoveryCodes is how many somebody gets.
	recoveryCodes = 10
	// triesPerProof is how often a password or a code may be tried by somebody
	// whose session is open, or half open, within triesWindow.
	triesPerProof = 5

	totpPurpose     = "second factor of staff "
	recoveryPurpose = "recovery code of staff "
	wrongCode       = "That code is not right, or it was used already. Wait for the next one and try again."
)

var secretText = base32.StdEncoding.WithPadding(base32.NoPadding)

func proofKey(id int64) string { return "prove staff " + strconv.FormatInt(id, 10) }

// mayProve counts one try of a password or a code by somebody whom we know.
func (h Pages) mayProve(ctx context.Context, me models.Staff) (bool, error) {
	return h.Throttles.Take(ctx, triesPerProof, triesLeft(h.Payments.Now()), proofKey(me.ID))
}

// proved forgets the tries of somebody who got it right.
func (h Pages) proved(ctx context.Context, me models.Staff) {
	if err := h.Throttles.Clear(ctx, proofKey(me.ID)); err != nil {
		h.Log.WarnContext(ctx, "tries not forgotten", "staff_id", me.ID, "err", err)
	}
}

// proof is what somebody typed as a code: of their second factor, or a recovery
// code. Whether a recovery code is theirs only the database says. Errors:
// models.ErrSecondFactor.
func (h Pages) proof(me models.Staff, typed string) (models.Proof, error) {
	typed = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(typed))
	if len(typed) != 6 {
		if len(typed) != len(strings.ReplaceAll(code(), "-", "")) {
			return models.Proof{}, models.ErrSecondFactor
		}
		return models.Proof{Recovery: h.recovery(me.ID, typed)}, nil
	}
	secret, err := h.secretOf(me)
	if err != nil {
		return models.Proof{}, err
	}
	step, err := matching(secret, typed, h.Payments.Now())
	return models.Proof{Step: step}, err
}

// recovery is the digest of a recovery code without its dashes.
func (h Pages) recovery(staffID int64, code string) string {
	return h.Seal.digest(recoveryPurpose+strconv.FormatInt(staffID, 10), code)
}

// secretOf is the secret of somebody's second factor. One that was sealed with
// another TILL_SECRET cannot be read: a matter for whoever runs the shop.
func (h Pages) secretOf(me models.Staff) (string, error) {
	raw, err := h.Seal.open(totpPurpose+strconv.FormatInt(me.ID, 10), me.TOTPSecret)
	if err != nil {
		h.Log.Error("second factor unreadable", "staff_id", me.ID, "err", err)
		return "", fmt.Errorf("%w: %w", models.ErrSecondFactor, err)
	}
	return string(raw), nil
}

// matching is the step that a code is of: the one now, or one beside it. Errors:
// models.ErrSecondFactor.
func matching(secret, typed string, now time.Time) (step int64, err error) {
	at := now.Unix() / int64(codeEvery/time.Second)
	for _, one := range []int64{at - 1, at, at + 1} {
		code, err := hotp.GenerateCodeCustom(secret, uint64(one), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // after 1970
		if err != nil {
			return 0, fmt.Errorf("admin: code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1 {
			step = one // of two that are the same the later one: it cannot be used again then
		}
	}
	if step == 0 {
		return 0, models.ErrSecondFactor
	}
	return step, nil
}

// BeginFactor is POST /admin/account/second-factor: makes a secret, which does
// not count yet.
func (h Pages) BeginFactor(c *gin.Context) error {
	raw := make([]byte, 20)
	_, _ = rand.Read(raw) // never fails
	me := member(c)
	sealed := h.Seal.close(totpPurpose+strconv.FormatInt(me.ID, 10), []byte(secretText.EncodeToString(raw)))
	err := h.Staff.BeginTOTP(c.Request.Context(), me.ID, sealed)
	if errors.Is(err, models.ErrStale) {
		return h.accountRefused(c, "Your second factor is on already. Nothing was changed.")
	}
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, factorURL)
	return nil
}

// Factor is GET /admin/account/second-factor: the secret, and the form that makes
// it count.
func (h Pages) Factor(c *gin.Context) error {
	if me := member(c); me.SecondFactor() || me.TOTPSecret == nil {
		c.Redirect(http.StatusSeeOther, accountURL)
		return nil
	}
	return h.showFactor(c, http.StatusOK, "")
}

func (h Pages) showFactor(c *gin.Context, status int, problem string) error {
	me := member(c)
	secret, err := h.secretOf(me)
	if err != nil {
		return err
	}
	p := page.FactorPage{Secret: secret, Problem: problem}
	if p.QR, err = h.picture(me, secret); err != nil {
		return err
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Factor(p))
}

// picture is what an app takes a picture of.
func (h Pages) picture(me models.Staff, secret string) ([][]bool, error) {
	u := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + h.Shop.Now().Name + ":" + me.Email,
		RawQuery: strings.ReplaceAll(url.Values{"secret": {secret}, "issuer": {h.Shop.Now().Name}}.Encode(), "+", "%20"), // apps take a plus for a plus
	}
	qr, err := qrcode.New(u.String(), qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("admin: QR code: %w", err)
	}
	return qr.Bitmap(), nil
}

// ConfirmFactor is POST /admin/account/second-factor/confirm: the secret counts
// from now on, for who shows that they have it.
func (h Pages) ConfirmFactor(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx, me := c.Request.Context(), member(c)
	stale := "Your second factor was begun anew, or is on already. Nothing was changed."
	if me.SecondFactor() || me.TOTPSecret == nil {
		return h.accountRefused(c, stale)
	}
	if may, err := h.mayProve(ctx, me); err != nil {
		return err
	} else if !may {
		return h.showFactor(c, http.StatusTooManyRequests, "There were too many tries. Wait "+h.wait(c)+", then try again.")
	}
	secret, err := h.secretOf(me)
	if err != nil {
		return err
	}
	here, err := h.Sessions.here(c.Request)
	if err != nil {
		return err
	}
	codes, digests := h.newCodes(me)
	step, err := matching(secret, strings.ReplaceAll(strings.TrimSpace(form.Get("code")), " ", ""), h.Payments.Now())
	if err == nil {
		err = h.Staff.ConfirmTOTP(ctx, me.ID, here, me.TOTPSecret, step, digests)
	}
	switch {
	case errors.Is(err, models.ErrSecondFactor):
		return h.showFactor(c, http.StatusUnprocessableEntity, "That code is not right. Type the one that the app shows now")
	case errors.Is(err, models.ErrStale):
		return h.accountRefused(c, stale)
	case err != nil:
		return err
	}
	h.proved(ctx, me)
	return h.showCodes(c, codes)
}

// newCodes are recovery codes, and what of them is kept.
func (h Pages) newCodes(me models.Staff) (codes, digests []string) {
	for range recoveryCodes {
		one := code()
		codes, digests = append(codes, one), append(digests, h.recovery(me.ID, strings.ReplaceAll(one, "-", "")))
	}
	return codes, digests
}

func (h Pages) showCodes(c *gin.Context, codes []string) error {
	p := page.CodesPage{Codes: codes}
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Codes(p))
}

// StopFactor is POST /admin/account/second-factor/off.
func (h Pages) StopFactor(c *gin.Context) error {
	proof, done, err := h.confirmed(c, page.FactorOff)
	if err != nil || done {
		return err
	}
	ctx, me := c.Request.Context(), member(c)
	if err := h.Staff.StopTOTP(ctx, me.ID, proof); errors.Is(err, models.ErrSecondFactor) {
		return h.factorProblem(c, http.StatusUnprocessableEntity, page.FactorOff, page.FactorProblems{Code: wrongCode})
	} else if err != nil {
		return err
	}
	h.proved(ctx, me)
	return h.back(c, accountURL, answer{text: "Your second factor is off. The password alone lets you in now."})
}

// RenewCodes is POST /admin/account/second-factor/codes.
func (h Pages) RenewCodes(c *gin.Context) error {
	proof, done, err := h.confirmed(c, page.FactorCodes)
	if err != nil || done {
		return err
	}
	ctx, me := c.Request.Context(), member(c)
	codes, digests := h.newCodes(me)
	err = h.Staff.NewRecovery(ctx, me.ID, proof, digests)
	switch {
	case errors.Is(err, models.ErrSecondFactor):
		return h.factorProblem(c, http.StatusUnprocessableEntity, page.FactorCodes, page.FactorProblems{Code: wrongCode})
	case errors.Is(err, models.ErrStale):
		return h.accountRefused(c, "Your second factor is off. Nothing was changed.")
	case err != nil:
		return err
	}
	h.proved(ctx, me)
	return h.showCodes(c, codes)
}

// confirmed reads the password and the code that a change of the second factor
// needs. done means that an answer was given already.
func (h Pages) confirmed(c *gin.Context, what page.FactorForm) (proof models.Proof, done bool, err error) {
	form, err := readForm(c)
	if err != nil {
		return proof, false, err
	}
	ctx, me := c.Request.Context(), member(c)
	if !me.SecondFactor() {
		return proof, true, h.accountRefused(c, "Your second factor is off. Nothing was changed.")
	}
	if may, err := h.mayProve(ctx, me); err != nil {
		return proof, false, err
	} else if !may {
		problem := page.FactorProblems{Password: "There were too many tries. Wait " + h.wait(c) + ", then try again"}
		return proof, true, h.factorProblem(c, http.StatusTooManyRequests, what, problem)
	}
	right, err := h.knows(ctx, me, form.Get("password"))
	if err != nil {
		return proof, false, err
	}
	if !right {
		return proof, true, h.factorProblem(c, http.StatusUnprocessableEntity, what, page.FactorProblems{Password: wrongPassword})
	}
	proof, err = h.proof(me, form.Get("code"))
	if errors.Is(err, models.ErrSecondFactor) {
		return proof, true, h.factorProblem(c, http.StatusUnprocessableEntity, what, page.FactorProblems{Code: wrongCode})
	}
	return proof, false, err
}

func (h Pages) factorProblem(c *gin.Context, status int, what page.FactorForm, problems page.FactorProblems) error {
	p, err := h.account(c)
	if err != nil {
		return err
	}
	p.Factor, p.FactorProblems = what, problems
	return h.showAccount(c, status, p)
}

// knows reports whether a password is somebody's.
func (h Pages) knows(ctx context.Context, me models.Staff, password string) (bool, error) {
	stored, known := h.stored(ctx, me)
	match, err := h.Sessions.checks.match(ctx, stored, password)
	return known && match, err
}
