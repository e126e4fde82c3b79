// Passkeys (WebAuthn): what the browser is asked, and its words for what went wrong. The code that turns
// the server's JSON into the browser's call comes when it is first used.
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';

/** What the server wants to be answered; `challenge` goes back with the answer. */
export interface PasskeyAsked {
  challenge: string;
  options: Record<string, unknown>;
}

/** Whether this page may use passkeys: a secure context and a browser that knows them. */
export function passkeysWork(): boolean {
  return window.isSecureContext && 'PublicKeyCredential' in window;
}

/** Lets the person prove who they are. Rejects with what `passkeyMessage` has words for. */
export async function provePasskey(asked: PasskeyAsked): Promise<unknown> {
  const { startAuthentication } = await import('@simplewebauthn/browser');
  return startAuthentication({
    optionsJSON: asked.options as unknown as PublicKeyCredentialRequestOptionsJSON,
  });
}

/** Lets the person make a passkey on this device or another. */
export async function makePasskey(asked: PasskeyAsked): Promise<unknown> {
  const { startRegistration } = await import('@simplewebauthn/browser');
  return startRegistration({
    optionsJSON: asked.options as unknown as PublicKeyCredentialCreationOptionsJSON,
  });
}

/** Id of the text for a refusal by the browser; undefined for other errors. */
export function passkeyMessage(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  switch (error.name) {
    case 'NotAllowedError': // said no, waited too long, or there is none: browsers do not tell which
    case 'AbortError':
      return 'passkey.cancelled';
    case 'InvalidStateError':
      return 'passkey.exists';
    case 'NotSupportedError':
      return 'passkey.unsupported';
    case 'SecurityError':
      return 'passkey.insecure';
    default:
      return undefined;
  }
}
