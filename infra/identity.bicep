// The identity of the app. It exists before the app, and both systems are told of it (docs/setup.md).
import { Tags } from 'types.bicep'

param location string
param tags Tags
param name string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
