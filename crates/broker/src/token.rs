//! The token endpoint (RFC 6749, section 3.2; OpenID4VCI 1.0, section 6). The crate `grants`
//! redeems codes, device codes and refresh tokens; the crate `issuer` redeems pre-authorized codes.

use sekisho_grants::Grants;
use sekisho_grants::refresh::Less;
use sekisho_issuer::Issuer;
use sekisho_oauth::token::{TokenError, TokenRequest, TokenResponse};
use sekisho_registry::{Authenticated, ClientEvidence, Registry, TokenFailure};

/// The token endpoint, with the only parts of the broker that it needs.
#[derive(Clone)]
pub struct TokenEndpoint {
    pub(crate) registry: Registry,
    pub(crate) grants: Grants,
    pub(crate) issuer: Issuer,
}

impl TokenEndpoint {
    /// Authenticates the client, and redeems its code, device code or refresh token, or gives it a token
    /// for itself.
    pub async fn token(
        &self,
        evidence: &ClientEvidence<'_>,
    ) -> Result<TokenResponse, TokenFailure> {
        let request = TokenRequest::parse(evidence.form)?;
        match &request {
            TokenRequest::AuthorizationCode { code, .. } => {
                let client = self.client(evidence, &request).await?;
                self.grants.redeem_code(&client, &request, code).await
            }
            TokenRequest::RefreshToken { token, scope, authorization_details, targets } => {
                let client = self.client(evidence, &request).await?;
                let details = authorization_details.as_ref();
                let less = Less { scope: scope.as_deref(), details, targets };
                self.grants.refresh(&client, token, &less).await
            }
            TokenRequest::TokenExchange { subject_token, scope, targets } => {
                let client = self.client(evidence, &request).await?;
                self.grants.exchange(&client, subject_token, scope.as_deref(), targets).await
            }
            TokenRequest::ClientCredentials { scope, targets } => {
                let client = self.client(evidence, &request).await?;
                self.grants.client_credentials(&client, scope.as_deref(), targets).await
            }
            TokenRequest::DeviceCode { code, .. } => {
                let client = self.client(evidence, &request).await?;
                self.grants.redeem_device(&client, &request, code).await
            }
            TokenRequest::PreAuthorizedCode { code, tx_code, .. } => {
                let client = self.registry.authenticate_if_named(evidence).await?;
                self.issuer.redeem_offer(&client, code, tx_code.as_deref()).await
            }
        }
    }

    /// The client that sends the request, if it is registered for the grant that it uses (checklist
    /// TOK-1).
    async fn client(
        &self,
        evidence: &ClientEvidence<'_>,
        request: &TokenRequest,
    ) -> Result<Authenticated, TokenFailure> {
        let client = self.registry.authenticate(evidence).await?;
        if client.client().may_use(request.grant_type()) {
            return Ok(client);
        }
        Err(TokenError::UnauthorizedClient.into())
    }
}
