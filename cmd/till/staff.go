package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"till/handlers/admin"
	"till/models"
)

const passwordHelp = `The password is asked for twice at a terminal, and not shown; from anywhere else one line of standard input
is read. It has at least 12 characters, and is refused when everybody would guess it.`

type staffAddCmd struct {
	Email string `required:"" placeholder:"E" help:"The address to sign in with."`
	Role  string `required:"" enum:"owner,manager,clerk,viewer" placeholder:"R" help:"owner, manager, clerk or viewer."`
}

// Help is the manual page.
func (staffAddCmd) Help() string {
	return `Adds somebody who may sign in to the dashboard, under /admin. An owner, manager or clerk may act; a
viewer may only look.

` + passwordHelp + `

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Examples:

    till staff add --email ann@shop.example --role owner
    pass show shop/ann | till staff add --email ann@shop.example --role clerk

Exit status: 0 added; 1 it did not work, such as for an address that is there already; 2 the address, the role, the
password or the setting must be another.`
}

// Run adds a member of staff.
func (c staffAddCmd) Run(ctx context.Context, o *outside) error {
	if !isEmail(c.Email) {
		return &problemsError{what: "the command line", lines: []string{fmt.Sprintf("--email is %q, which is no e-mail address", c.Email)}}
	}
	return withDatabase(ctx, o, func(b *books) error {
		staff := models.NewStaff(b.db)
		if _, err := staff.ByEmail(ctx, c.Email); err == nil { // before a password is typed
			return fmt.Errorf("%s is there already; \"till staff password\" gives a new password", c.Email)
		}
		hash, err := o.newPassword(ctx, c.Email)
		if err != nil {
			return err
		}
		one, err := staff.Add(ctx, c.Email, models.Role(c.Role), hash)
		if errors.Is(err, models.ErrDuplicate) {
			return fmt.Errorf("%s is there already", c.Email)
		}
		if err != nil {
			return err
		}
		return b.say("Added %s as %s to %s.", one.Email, one.Role, b.label)
	})
}

type staffPasswordCmd struct {
	Email string `required:"" placeholder:"E" help:"The address that somebody signs in with."`
}

// Help is the manual page.
func (staffPasswordCmd) Help() string {
	return `Gives a member of staff a new password and ends every session of theirs.

` + passwordHelp + `

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Exit status: 0 changed; 1 it did not work, such as for an address that is not there; 2 the password or the setting must
be another.`
}

// Run changes a password.
func (c staffPasswordCmd) Run(ctx context.Context, o *outside) error {
	return withDatabase(ctx, o, func(b *books) error {
		staff := models.NewStaff(b.db)
		one, err := staff.ByEmail(ctx, c.Email)
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("nobody in %s signs in as %s", b.label, c.Email)
		}
		if err != nil {
			return err
		}
		hash, err := o.newPassword(ctx, one.Email)
		if err != nil {
			return err
		}
		if err := staff.SetPassword(ctx, one.ID, hash); err != nil {
			return err
		}
		return b.say("%s has a new password, and is signed out everywhere.", one.Email)
	})
}

type staffFactorCmd struct {
	Email string `required:"" placeholder:"E" help:"The address that somebody signs in with."`
}

// Help is the manual page.
func (staffFactorCmd) Help() string {
	return `Turns off the second factor of a member of staff who has lost it and their recovery codes, and ends every session of
theirs. Their password alone lets them in then, until they turn it on again. Where TILL_SECRET was changed nobody's second
factor can be checked any more: this is the way in.

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Exit status: 0 it is off; 1 it did not work, such as for an address that is not there; 2 the setting must be another.`
}

// Run turns a second factor off.
func (c staffFactorCmd) Run(ctx context.Context, o *outside) error {
	return withDatabase(ctx, o, func(b *books) error {
		staff := models.NewStaff(b.db)
		one, err := staff.ByEmail(ctx, c.Email)
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("nobody in %s signs in as %s", b.label, c.Email)
		}
		if err != nil {
			return err
		}
		if err := staff.ForgetTOTP(ctx, one.ID); err != nil {
			return err
		}
		return b.say("%s signs in with a password alone.", one.Email)
	})
}

// newPassword reads a password, refuses a poor one, and returns its hash.
func (o *outside) newPassword(ctx context.Context, email string) (hash string, err error) {
	password, err := o.readPassword(ctx)
	if err != nil {
		return "", err
	}
	if why := admin.Poor(password, email); why != "" {
		return "", &problemsError{what: "the password", lines: []string{why}}
	}
	return admin.HashPassword(password)
}

// readPassword asks twice at a terminal, and reads a line from anything else.
func (o *outside) readPassword(ctx context.Context) (string, error) {
	f, ok := o.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(o.stdin, 4<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	first, err := o.ask(ctx, f, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := o.ask(ctx, f, "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", &problemsError{what: "the password", lines: []string{"the second time it was another one"}}
	}
	return first, nil
}

// ask reads a line that the terminal does not show. Whoever gives up gets a
// terminal back that shows again what is typed.
func (o *outside) ask(ctx context.Context, terminal *os.File, prompt string) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	_, _ = fmt.Fprint(o.stderr, prompt)
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- answer{text, err}
	}()
	defer func() { _, _ = fmt.Fprintln(o.stderr) }()
	select {
	case a := <-typed:
		if a.err != nil {
			return "", fmt.Errorf("password: %w", a.err)
		}
		return string(a.text), nil
	case <-ctx.Done():
		return "", errors.Join(errors.New("given up"), term.Restore(fd, before))
	}
}
