#include "plugin/grpc/certificate_for_test.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>

namespace samehost::grpc_transport::testing {
namespace {

void Must(bool ok) {
  if (!ok) std::abort();
}

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

void AddName(X509* x509) {
  X509_NAME* name = X509_get_subject_name(x509);
  const auto* localhost = reinterpret_cast<const unsigned char*>("localhost");
  Must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, localhost, -1, -1, 0) == 1);
  Must(X509_set_issuer_name(x509, name) == 1);
  X509_EXTENSION* alternative =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,DNS:other.test");
  Must(alternative != nullptr && X509_add_ext(x509, alternative, -1) == 1);
  X509_EXTENSION_free(alternative);
}

Certificate Make() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* x509 = X509_new();
  Must(key != nullptr && x509 != nullptr);
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
  Must(X509_set_pubkey(x509, key) == 1);
  AddName(x509);
  Must(X509_sign(x509, key, EVP_sha256()) > 0);
  BIO* key_bio = BIO_new(BIO_s_mem());
  BIO* certificate_bio = BIO_new(BIO_s_mem());
  Must(PEM_write_bio_PKCS8PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  Must(PEM_write_bio_X509(certificate_bio, x509) == 1);
  Certificate out{Text(key_bio), Text(certificate_bio)};
  X509_free(x509);
  EVP_PKEY_free(key);
  return out;
}

}  // namespace

const Certificate& TestCertificate() {
  static const Certificate* certificate = new Certificate(Make());
  return *certificate;
}

std::shared_ptr<grpc::ChannelCredentials> SslClient() {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = TestCertificate().certificate_pem;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> SslServer() {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {TestCertificate().key_pem, TestCertificate().certificate_pem});
  return grpc::SslServerCredentials(options);
}

grpc::ChannelArguments SslArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace samehost::grpc_transport::testing
