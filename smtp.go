package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"latchkey/resale"
)

// mailServer is where e-mails are handed over, as the settings say. Without TLS it is one on this machine.
type mailServer struct {
	address  string // host:port
	host     string
	implicit bool // TLS from the start; otherwise STARTTLS
	plain    bool // no TLS: this machine
	username string
	password string
	from     mail.Address
	timeout  time.Duration
}

// smtpTime bounds one attempt; it is well below the lease of an e-mail.
const smtpTime = 40 * time.Second

// parseMailServer reads LATCHKEY_SMTP_URL and LATCHKEY_SMTP_FROM; nil where neither is set. No error holds the password.
func parseMailServer(address, from string) (*mailServer, error) {
	if address == "" && from == "" {
		return nil, nil
	}
	if address == "" || from == "" {
		return nil, errors.New("LATCHKEY_SMTP_URL and LATCHKEY_SMTP_FROM go together; one of them is missing")
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("LATCHKEY_SMTP_URL is not usable; expected smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")
	}
	sender, err := mail.ParseAddress(from)
	if err != nil || strings.ContainsAny(from, "\r\n") {
		return nil, errors.New("LATCHKEY_SMTP_FROM is not usable; expected an address like Harbour Mobile <no-reply@example.com>")
	}
	m := &mailServer{host: u.Hostname(), implicit: u.Scheme == "smtps", username: u.User.Username(), from: *sender, timeout: smtpTime}
	m.password, _ = u.User.Password()
	m.address = net.JoinHostPort(m.host, cmp.Or(u.Port(), map[bool]string{true: "465", false: "587"}[m.implicit]))
	m.plain = !m.implicit && resale.IsLoopback(m.host)
	return m, nil
}

// Send implements [resale.Mailer].
func (m *mailServer) Send(ctx context.Context, e resale.Email) (resale.Delivery, string) {
	text, err := m.compose(e)
	if err != nil {
		return resale.Undeliverable, "It cannot be written: " + err.Error() + "."
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	client, err := m.dial(ctx)
	if err != nil {
		return smtpFailed(err)
	}
	defer client.Close()
	if err := client.Mail(m.from.Address); err != nil {
		return smtpFailed(err)
	}
	if err := client.Rcpt(e.To); err != nil {
		return smtpFailed(err)
	}
	w, err := client.Data()
	if err != nil {
		return smtpFailed(err)
	}
	if _, err := w.Write(text); err != nil {
		return smtpFailed(err) // the end of it was never sent
	}
	// From here on the server may have taken it, whether we hear of it or not.
	if err := w.Close(); err != nil {
		if answer := (*textproto.Error)(nil); errors.As(err, &answer) {
			return smtpFailed(err)
		}
		return resale.MaybeDelivered, "The connection to the mail server broke before it answered."
	}
	_ = client.Quit() // it has been taken
	return resale.Delivered, ""
}

// dial opens a connection that is encrypted, unless the server is on this machine, and signs in.
func (m *mailServer) dial(ctx context.Context) (*smtp.Client, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", m.address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) // whatever is under way on it fails then
	config := &tls.Config{ServerName: m.host}
	if m.implicit {
		conn = tls.Client(conn, config)
	}
	client, err := smtp.NewClient(conn, m.host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	err = client.Hello(helloName(m.from.Address))
	if err == nil && !m.implicit && !m.plain {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			err = errors.New("the mail server offers no encryption (STARTTLS)")
		} else {
			err = client.StartTLS(config)
		}
	}
	if err == nil && m.username != "" {
		err = client.Auth(smtp.PlainAuth("", m.username, m.password, m.host))
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// helloName is what to call ourselves: the sender's domain, since a machine's own name is nobody's business.
func helloName(from string) string { return from[strings.LastIndexByte(from, '@')+1:] }

// smtpFailed tells a no for good, by the server's code 5xx, from one for now.
func smtpFailed(err error) (resale.Delivery, string) {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		text := fmt.Sprintf("The mail server said: %d %s", answer.Code, answer.Msg)
		// What it says of our own credentials is not about this e-mail: somebody may mend it.
		if answer.Code >= 500 && answer.Code != 530 && answer.Code != 534 && answer.Code != 535 && answer.Code != 538 {
			return resale.Undeliverable, text
		}
		return resale.NotDelivered, text
	}
	return resale.NotDelivered, "The mail server could not be used: " + err.Error() + "."
}

// compose writes an e-mail as plain text in UTF-8. Whatever the parts say, none of them makes a header.
func (m *mailServer) compose(e resale.Email) ([]byte, error) {
	to, err := mail.ParseAddress(e.To)
	if err != nil || to.Address != e.To || strings.ContainsAny(e.To+e.Subject+m.from.Name+m.from.Address, "\r\n\x00") {
		return nil, errors.New("the address or the subject has something in it that does not belong there")
	}
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", m.from.String())
	header("To", to.String())
	header("Subject", foldedSubject(e.Subject))
	header("Date", e.Created.Format(time.RFC1123Z))
	header("Message-ID", "<"+e.ID+"@"+helloName(m.from.Address)+">")
	header("Content-Language", e.Language)
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	header("Auto-Submitted", "auto-generated")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(strings.ReplaceAll(e.Body, "\n", "\r\n") + "\r\n")); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// foldedSubject encodes what is not ASCII, a word of at most 75 characters to a line.
func foldedSubject(s string) string {
	encoded := mime.BEncoding.Encode("utf-8", s)
	return strings.ReplaceAll(encoded, "?= =?", "?=\r\n =?")
}
