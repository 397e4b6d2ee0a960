#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace graphhook {

/// Frees what OpenSSL made.
struct FreeOpenssl {
    void operator()(BIO* bio) const noexcept { ::BIO_free_all(bio); }
    void operator()(X509* certificate) const noexcept { ::X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const noexcept { ::EVP_PKEY_CTX_free(context); }
    void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
    void operator()(EVP_CIPHER_CTX* context) const noexcept { ::EVP_CIPHER_CTX_free(context); }
};
/// An object of OpenSSL's with one owner.
template <class T>
using OpensslOwned = std::unique_ptr<T, FreeOpenssl>;

}  // namespace graphhook
