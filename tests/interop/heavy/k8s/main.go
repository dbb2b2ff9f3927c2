// Command authenticator asks Kubernetes who somebody is: it is kube-apiserver's authentication of bearer
// tokens, as k8s.io/apiserver publishes it, and nothing else of the server. Its flags have the names and
// meanings that kube-apiserver gives them. `kubectl auth whoami` speaks to it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	authentication "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
	"k8s.io/client-go/util/cert"
)

// flags are those of kube-apiserver that matter here, and where to listen.
type flags struct {
	listen, config, certDir            string
	issuer, client, ca                 string
	username, usernamePrefix           string
	groups, groupsPrefix, algs, demand string
}

func main() {
	var given flags
	flag.StringVar(&given.listen, "listen", "127.0.0.1:0", "where to listen")
	flag.StringVar(&given.certDir, "cert-dir", ".", "where its own certificate is written")
	flag.StringVar(&given.config, "authentication-config", "", "a file with an AuthenticationConfiguration")
	flag.StringVar(&given.issuer, "oidc-issuer-url", "", "")
	flag.StringVar(&given.client, "oidc-client-id", "", "")
	flag.StringVar(&given.ca, "oidc-ca-file", "", "")
	flag.StringVar(&given.username, "oidc-username-claim", "sub", "")
	flag.StringVar(&given.usernamePrefix, "oidc-username-prefix", "", "")
	flag.StringVar(&given.groups, "oidc-groups-claim", "", "")
	flag.StringVar(&given.groupsPrefix, "oidc-groups-prefix", "", "")
	flag.StringVar(&given.algs, "oidc-signing-algs", "RS256", "")
	flag.StringVar(&given.demand, "oidc-required-claim", "", "claim=value")
	flag.Parse()
	if err := serve(given); err != nil {
		log.Fatal(err)
	}
}

func serve(given flags) error {
	tokens, err := authenticators(given)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", given.listen)
	if err != nil {
		return err
	}
	known := group.NewAuthenticatedGroupAdder(bearertoken.New(union.New(tokens...)))
	// kubectl brings credentials over https alone. As kube-apiserver does where it is given none, this makes
	// a certificate of its own.
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return err
	}
	files := [2]string{filepath.Join(given.certDir, "apiserver.crt"), filepath.Join(given.certDir, "apiserver.key")}
	if err := errors.Join(os.WriteFile(files[0], certificate, 0o600), os.WriteFile(files[1], key, 0o600)); err != nil {
		return err
	}
	http.HandleFunc("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", whoami(known))
	ready(tokens)
	fmt.Printf("https://%s\n", listener.Addr())
	return http.ServeTLS(listener, nil, files[0], files[1])
}

// ready waits until the keys of all issuers are known.
func ready(tokens []authenticator.Token) {
	for _, token := range tokens {
		for token.(oidc.AuthenticatorTokenWithHealthCheck).HealthCheck() != nil {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// authenticators gives what one of the two ways of configuring kube-apiserver asks for.
func authenticators(given flags) ([]authenticator.Token, error) {
	configured := &apiserver.AuthenticationConfiguration{}
	algs := oidc.AllValidSigningAlgorithms()
	if given.config != "" {
		if err := read(given.config, configured); err != nil {
			return nil, err
		}
	} else {
		legacy, err := fromFlags(given)
		if err != nil {
			return nil, err
		}
		configured.JWT = []apiserver.JWTAuthenticator{legacy}
		algs = strings.Split(given.algs, ",")
	}
	compiler := cel.NewDefaultCompiler()
	if err := validation.ValidateAuthenticationConfiguration(compiler, configured, nil).ToAggregate(); err != nil {
		return nil, err
	}
	var tokens []authenticator.Token
	for _, jwt := range configured.JWT {
		options := oidc.Options{JWTAuthenticator: jwt, Compiler: compiler, SupportedSigningAlgs: algs}
		if jwt.Issuer.CertificateAuthority != "" {
			options.CAContentProvider = root(jwt.Issuer.CertificateAuthority)
		}
		token, err := oidc.New(context.Background(), options)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// read decodes the file strictly, as kube-apiserver does.
func read(file string, into *apiserver.AuthenticationConfiguration) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	return runtime.DecodeInto(codecs.UniversalDecoder(), data, into)
}

// fromFlags is kube-apiserver's own reading of --oidc-*: the prefix of names is the issuer where none is
// given, and `-` stands for none.
func fromFlags(given flags) (apiserver.JWTAuthenticator, error) {
	prefix := given.usernamePrefix
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && given.username != "email":
		prefix = given.issuer + "#"
	}
	jwt := apiserver.JWTAuthenticator{
		Issuer: apiserver.Issuer{URL: given.issuer, Audiences: []string{given.client}},
		ClaimMappings: apiserver.ClaimMappings{
			Username: apiserver.PrefixedClaimOrExpression{Prefix: &prefix, Claim: given.username},
		},
	}
	if given.groups != "" {
		jwt.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Prefix: &given.groupsPrefix, Claim: given.groups}
	}
	if claim, value, found := strings.Cut(given.demand, "="); found {
		jwt.ClaimValidationRules = []apiserver.ClaimValidationRule{{Claim: claim, RequiredValue: value}}
	}
	if given.ca != "" {
		pem, err := os.ReadFile(given.ca)
		if err != nil {
			return jwt, err
		}
		jwt.Issuer.CertificateAuthority = string(pem)
	}
	return jwt, nil
}

type root string

func (pem root) CurrentCABundleContent() []byte { return []byte(pem) }

// whoami answers as kube-apiserver's selfsubjectreviews does.
func whoami(known authenticator.Request) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		who, found, err := known.AuthenticateRequest(request)
		answer.Header().Set("Content-Type", "application/json")
		if err != nil || !found {
			log.Printf("refused: %q", fmt.Sprint(err))
			answer.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(answer).Encode(metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
				Status:   metav1.StatusFailure, Message: "Unauthorized",
				Reason: metav1.StatusReasonUnauthorized, Code: http.StatusUnauthorized,
			})
			return
		}
		answer.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(answer).Encode(authentication.SelfSubjectReview{
			TypeMeta: metav1.TypeMeta{Kind: "SelfSubjectReview", APIVersion: "authentication.k8s.io/v1"},
			Status:   authentication.SelfSubjectReviewStatus{UserInfo: info(who.User)},
		})
	}
}

func info(who user.Info) authentication.UserInfo {
	extra := map[string]authentication.ExtraValue{}
	for key, values := range who.GetExtra() {
		extra[key] = values
	}
	return authentication.UserInfo{Username: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups(), Extra: extra}
}
