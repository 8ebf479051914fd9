import type {
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkDisconnectRequest,
} from "../../../wire/engine/network.ts";
import { endpointSettings } from "./container.ts";
import * as s from "./shape.ts";

const labels = s.map(s.string);

export const networkCreate = s.struct("network.CreateRequest", {
  Name: s.string,
  CheckDuplicate: s.boolean,
  Driver: s.string,
  Scope: s.string,
  EnableIPv4: s.boolean,
  EnableIPv6: s.boolean,
  IPAM: s.struct("network.IPAM", {
    Driver: s.string,
    Options: labels,
    Config: s.list(
      s.struct("network.IPAMConfig", {
        Subnet: s.string,
        IPRange: s.string,
        Gateway: s.string,
        AuxiliaryAddresses: labels,
      }),
    ),
  }),
  Internal: s.boolean,
  Attachable: s.boolean,
  Ingress: s.boolean,
  ConfigOnly: s.boolean,
  ConfigFrom: s.struct("network.ConfigReference", { Network: s.string }),
  Options: labels,
  Labels: labels,
}) as s.Shape<NetworkCreateRequest>;

export const networkConnect = s.struct("network.ConnectOptions", {
  Container: s.string,
  EndpointConfig: endpointSettings,
}) as s.Shape<NetworkConnectRequest>;

export const networkDisconnect = s.struct("network.DisconnectOptions", {
  Container: s.string,
  Force: s.boolean,
}) as s.Shape<NetworkDisconnectRequest>;
