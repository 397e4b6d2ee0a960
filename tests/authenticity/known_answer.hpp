#pragma once

#include <string_view>

namespace graphhook::test {

// A vector made once and checked with two other implementations of the same steps: a key that
// protects nothing, so that what we decrypt today is what others encrypt. All but the plaintext
// and the thumbprint in base64; key (PKCS#1) and certificate are DER.

inline constexpr std::string_view kKnownKey =
    "MIIEogIBAAKCAQEAraHRcfoWMSWsLWTImqPjOViIGli93Uk0qeRWz6LEDj8C5Q08FfikY3iy9ECBsuR7Yf9QY+mvk7"
    "nZCBes09BHuYX5sK0ykczoiAvtJ+dXrEXjaBCp/XHMYab6zngo0qJGTgx9EHK+gZEqDp+Flx58xTyLPzU8nd/e+K5O"
    "drdBMyiOx9eZ7kv5uS5bXBT0iAy6mx/xhzKKawPPL2hSD8jET0/KCyf25Xrylq14u6Au+pCSYToWwVbcXLpUC4GOpQ"
    "0TS4F85TKH0aCM2gPSUREGpDYwZqbm/jI4GG1+WSTNeQ7mCRl1FHOqMj0F11cXI/82VwZ3nQcDkz16vvCKF9rNrQID"
    "AQABAoIBAAlXeXNOZz9BrZ/LmldnleQR9VClkaGEPMcfN+R392Bk130HV0I/XGjVp5solVHQpSrCl8qoWf/ysdCTpY"
    "LH4/QBV0vAJcZeZexb5+iLs9Xa9L82lk7CfqKKX1gYcunSPUIZvejSo5lI/CBJSOC2jTP3a+58qMQ9tTtf9WzBs0pT"
    "P4tdWCXMsDkKKdEccMC8/9OdeXmb2Tl9X/LUMswNu+7hoAWMJfNjJRFzgMOIeHVBn2fsk0Elum3aGXGbLnj9odpCLu"
    "rpUtbYLL0e7XCLfKbPm83EQt3LpkrD6xLCb/TdA6HPWG5gFAEuGXqaGiaVGrymr7qsZJgrC6r9/bOyuUECgYEA4zDO"
    "MNHBSZNOVn7rWzbdi/dL9DtufyVC4y1RzzGrkGTRjFDpR7Mxhb1dG42TUgRPMFJluXq1tHBJ9Is3lpGmBhTfIvJmN3"
    "xaLCtojRu9ojBoTP9pqaaZirh4g/XUfQdtC1JFsOX6UoGZ4k+cNLnrAAa0vSlxgV3meAii+O6MCzUCgYEAw6ZdOv9w"
    "jJeLTRWhHTmIlrVy6XgaYbf87uXDC1gMpnCNIcM8QJUX4GPx9rvT8U+NRzo/cQtQTm8WQChkrnF9NQIRDxZbNzM5DI"
    "Nb610LksB0ZWivwxLgQgll9fuGtwLE0DMNr7pFed4UWjjpu03RUjYUIgfU3z7N8nI5xLuAD5kCgYBOfaQe9bjjpILi"
    "G0NQ5imwm6WgIZBRWRw8xIGJJc3yOwKyiZmu7dfkLsImLMmDAn4hYbZHWH/CcTD7zcVMvdEwNLHKrxhlfw7gR7b9WW"
    "Iw0KyYPX3R4P8XEBiC7sGU2KXxzWDKdwn+y0vRBlQfW0Q3ZBm5aMIQQdLIEaPMgQ3dKQKBgBYET7OG8VRw7VUkXPgb"
    "9Fn5W1AYmudqPAVqR7OsGehU/BzTiqE95ezzclQwuN4L9LsSO/dtrYDWEWvw37udu9hOPjszadphYkcdNSfcVaQTEk"
    "YjLLxIEIJ96kJvJq7LmfhP9ndS/+SB8Epi4zKXxDl7KnLV7MeemrBw2D1iWDvpAoGAd0E6B/3wYj37kG8L4s+QkvMn"
    "eC/qjcasPEqMLj57YX1bm11sO1WxqHF7+JgFyQsJ/wJ8WWj2lTAcoi4+EsD7bM1ZZUh5sLsoN+R+2IbKrtrlXG3vFQ"
    "Z8k5q2SegkNPhgmnAxwHED/x0UI9RK7kRnajbmhHnvmgnrpu9EBYyV7J8=";
inline constexpr std::string_view kKnownCertificate =
    "MIICpTCCAY2gAwIBAgIBATANBgkqhkiG9w0BAQsFADAWMRQwEgYDVQQDDAtrYXQuZXhhbXBsZTAeFw0yNjAxMDEwMD"
    "AwMDBaFw00NjAxMDEwMDAwMDBaMBYxFDASBgNVBAMMC2thdC5leGFtcGxlMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"
    "MIIBCgKCAQEAraHRcfoWMSWsLWTImqPjOViIGli93Uk0qeRWz6LEDj8C5Q08FfikY3iy9ECBsuR7Yf9QY+mvk7nZCB"
    "es09BHuYX5sK0ykczoiAvtJ+dXrEXjaBCp/XHMYab6zngo0qJGTgx9EHK+gZEqDp+Flx58xTyLPzU8nd/e+K5OdrdB"
    "MyiOx9eZ7kv5uS5bXBT0iAy6mx/xhzKKawPPL2hSD8jET0/KCyf25Xrylq14u6Au+pCSYToWwVbcXLpUC4GOpQ0TS4"
    "F85TKH0aCM2gPSUREGpDYwZqbm/jI4GG1+WSTNeQ7mCRl1FHOqMj0F11cXI/82VwZ3nQcDkz16vvCKF9rNrQIDAQAB"
    "MA0GCSqGSIb3DQEBCwUAA4IBAQBOs9GLUlPfsKKccJt9jtMG1IcyOqJUf93G9cNLnJuH97pUPw/FG3PNwRtO6nlM8M"
    "MSzRda/ONtV4V0Bl03tO42Luqdzyef+TZH/IxQDQx3BC5KY2w2LbwxqWI3ujjo0ivtGbaj5YbK1FAq8VRoZrcYLe7w"
    "LgGU/0VresgkofFMsyZ42q3OgWdZe3NbDSaMcoXfMHjWzp1lXzkkRl45mD5lvYQg3LOxwRewPeQC6E2LxSpOu+/GP7"
    "tbcOjR+lPm8SVhCbLBhNtaqJ0aKnp9NgPTD+YQazHDLZ23V4k1IHqKdHlMJF2l4KFl7bhrdSPFYuFZx1E4jFhlMoFc"
    "gp1/boUU";
inline constexpr std::string_view kKnownThumbprint = "028840FA14BDA4B56F129E2DEFF21E90DB826E92";
inline constexpr std::string_view kKnownDataKey =
    "WYRYqG6z7mzHlszKkx07iJcyuQD5MwDj3L6uhyZJCkg9Zi5fCiTpQRzr3vylss6/dqUz5OVvx3RSezCUcOHcDzk+X3"
    "NYBOTaiOoMQPGReJ8XEcj2LQuxTgHZK6TFidspjo29R5pybkP3nJZHXsYd+EmxL9RSJ3EPQIbS/vpFBB9sZoR3WhqN"
    "3dzPHFAJzWYeClkTn5IvXzHKB4ybMCsGOfoYf4gpPgVNGMspDvIr3JCaJdCWHAM4EApz5frn+rQ+8B77AXYigwIUXM"
    "Z8WqdFAXeZSt0DhXKVx5lQYBxmGIbG6fE/xTCuN7PMbwlJYJgGiyFrt9HvKlDxiGwcs/4xeQ==";
inline constexpr std::string_view kKnownData =
    "Vla4ajdtX6/+mMppBkC9LVzYW4MucGTVUPVGMrUe0avSCUwkTzPWxAoWfysa3Vkne9mSCwUckAiTV3wRu4OOiYFRtO"
    "MU1Z+rGa+r8SmAbkSvzonIJbzKTKWeDTJEXB5HRb6mvN49VR7uviBpcNrSxIVej0dgiKmTIAL9GuwjptGtGc1MiFgw"
    "VKgaRG7XEIZq6Dp5zWq/puAutRxrDSDo9Kpe0QdhXOz3Er2B9wjbuJ8=";
inline constexpr std::string_view kKnownSignature = "qMNhxmnaLOpHEdFX/72gTJfvXMsoOAQda1LkKsOlTz0=";
/// Over the base64 text instead of the bytes: wrong.
inline constexpr std::string_view kSignatureOverText =
    "2A+vDA2A5/Ynrxvzu1mDZF0Mnmy1QLHRqKmuEB3CVBw=";
inline constexpr std::string_view kKnownPlaintext =
    R"({"@odata.context":"https://graph.microsoft.com/$metadata#chats('19%3Akat')/messages/$entity","id":"1700000000000","body":{"contentType":"text","content":"héllo"}})";

}  // namespace graphhook::test
